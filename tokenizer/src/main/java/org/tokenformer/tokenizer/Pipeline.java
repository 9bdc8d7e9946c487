package org.tokenformer.tokenizer;

import java.util.List;

/**
 * The validated content of a {@code tokenizer.json}. Immutable, shared by all threads.
 *
 * @param nfc whether texts are normalised to form C
 * @param raw matches added tokens before normalisation
 * @param normalized matches added tokens after normalisation
 */
record Pipeline(
    BpeModel model,
    List<AddedToken> addedTokens,
    boolean nfc,
    PreTokenizer.Settings preTokenizer,
    AddedTokenMatcher raw,
    AddedTokenMatcher normalized) {

  static Pipeline of(
      BpeModel model, List<AddedToken> added, boolean nfc, PreTokenizer.Settings preTokenizer) {
    return new Pipeline(
        model,
        List.copyOf(added),
        nfc,
        preTokenizer,
        new AddedTokenMatcher(added, false, nfc),
        new AddedTokenMatcher(added, true, nfc));
  }

  /**
   * Returns whether a text can be split after any newline that has no other white space next to it,
   * and encoded in parts with the same ids. The GPT-2 pattern makes such a newline a word of its
   * own and normalisation does not change it, so only an added token could span the cut.
   */
  boolean dividesAtNewlines() {
    return preTokenizer.gpt2()
        && preTokenizer.patterns().isEmpty()
        && !preTokenizer.prefixSpace()
        && addedTokens.stream()
            .noneMatch(token -> token.lstrip() || token.content().indexOf('\n') >= 0);
  }
}
