package org.tokenformer.tokenizer;

/**
 * A token that is looked for in the text itself, before any splitting.
 *
 * @param singleWord match only where no word character is next to it
 * @param lstrip the token takes the white space before it
 * @param rstrip the token takes the white space behind it
 * @param normalized look for it in the normalised text; otherwise in the raw text, and earlier
 * @param special dropped by a decode that skips special tokens
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

  /** What is looked for, in a tokenizer that normalises texts to NFC or not. */
  String matched(boolean nfc) {
    return normalized && nfc ? Nfc.normalize(content) : content;
  }
}
