package org.tokenformer.tokenizer;

/**
 * A token that is matched in the text itself, before the text is split into words.
 *
 * @param singleWord whether it matches only if no word character is next to it
 * @param lstrip whether it includes the white space before it
 * @param rstrip whether it includes the white space after it
 * @param normalized whether it is matched in the normalised text; otherwise it is matched earlier,
 *     in the raw text
 * @param special whether a decode that skips special tokens leaves it out
 */
record AddedToken(
    String content,
    int id,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean special) {

  static AddedToken special(String content, int id) {
    return new AddedToken(content, id, false, false, false, false, true);
  }

  /** Returns the text to match; {@code nfc} says whether the tokenizer normalises texts to NFC. */
  String matched(boolean nfc) {
    return normalized && nfc ? Nfc.normalize(content) : content;
  }
}
