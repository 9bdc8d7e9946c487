package org.tokenformer.tokenizer;

import java.util.List;

/**
 * What a {@code tokenizer.json} says, checked and ready for use. Immutable, shared by all threads.
 *
 * @param nfc whether texts are brought to normalisation form C
 * @param raw the added tokens looked for before normalisation
 * @param normalized those looked for after it
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
   * Whether a text may be encoded in two parts, with the same ids, cut behind any single newline
   * that has no other white space beside it. The GPT-2 pattern makes such a newline a word of its
   * own, and normalisation leaves it alone, so only an added token could reach across.
   */
  boolean dividesAtNewlines() {
    return preTokenizer.gpt2()
        && preTokenizer.patterns().isEmpty()
        && !preTokenizer.prefixSpace()
        && addedTokens.stream()
            .noneMatch(token -> token.lstrip() || token.content().indexOf('\n') >= 0);
  }
}
