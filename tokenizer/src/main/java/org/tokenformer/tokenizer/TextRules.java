package org.tokenformer.tokenizer;

/**
 * What is accepted as a text, and what is changed in it.
 *
 * @param content what is accepted
 * @param keepLineEnds whether {@code \r\n} stays; otherwise it becomes {@code \n}. A {@code \r}
 *     before anything else always stays
 */
public record TextRules(Content content, boolean keepLineEnds) {
  /** What is accepted. Everything must be UTF-8; a byte-order mark at the start is dropped. */
  public enum Content {
    /** Plain text: nothing that looks like JSON, CSV, HTML or another kind of file. */
    PROSE,
    /** Text of any syntax, but nothing that looks like a binary file or another encoding. */
    ANY_SYNTAX,
    /** Whatever is UTF-8. */
    ANYTHING
  }

  /** Plain text whose line ends become {@code \n}. */
  public static final TextRules PROSE = new TextRules(Content.PROSE, false);

  /** Text of any syntax whose line ends become {@code \n}. */
  public static final TextRules ANY_SYNTAX = new TextRules(Content.ANY_SYNTAX, false);
}
