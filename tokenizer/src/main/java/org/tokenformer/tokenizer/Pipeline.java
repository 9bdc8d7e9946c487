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
}
