package org.tokenformer.tokenizer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads the documents of a text. A line that is exactly {@code <|endoftext|>} separates documents.
 * The last line end of a document is dropped, and so are empty documents.
 *
 * <p>A long document is returned in pieces, so that memory does not grow with it, if the tokenizer
 * allows it; see {@link Pipeline#dividesAtNewlines}. For one thread at a time.
 */
final class TextDocuments {
  /**
   * How documents are cut into pieces.
   *
   * @param divide whether documents may be cut at all
   * @param minBytes minimum size in bytes of a piece that does not end its document
   * @param maxBytes maximum size in bytes of a piece
   */
  record Pieces(boolean divide, int minBytes, int maxBytes) {
    /** Large enough to be fast, small enough for the CPU cache and smooth progress. */
    private static final int MIN_BYTES = 1 << 16;

    /** Encoding takes about ten times as much memory for ids and buffers. */
    private static final int MAX_BYTES = 128 << 20;

    static Pieces of(Tokenizer tokenizer) {
      return new Pieces(tokenizer.dividesAtNewlines(), MIN_BYTES, MAX_BYTES);
    }
  }

  private static final byte[] SEPARATOR = Tokenizer.END_OF_TEXT.getBytes(StandardCharsets.UTF_8);

  private final TextLines lines;
  private final Pieces pieces;

  /** The piece, followed by the line of the next piece that was read to find the cut. */
  private final ByteBuilder text = new ByteBuilder();

  private int length; // of the piece
  private int gathered; // including the line after it
  private boolean endsDocument;
  private boolean ended;

  TextDocuments(TextLines lines, Pieces pieces) {
    this.lines = lines;
    this.pieces = pieces;
  }

  /**
   * Returns a buffer whose first {@link #length} bytes are the piece, well-formed UTF-8, valid
   * until the next piece.
   */
  byte[] bytes() {
    return text.array();
  }

  int length() {
    return length;
  }

  /** Returns whether the document ends with this piece. */
  boolean endsDocument() {
    return endsDocument;
  }

  /**
   * Advances to the next piece; returns false after the last.
   *
   * @throws IOException as {@link TextLines#readLine} does, also if a line makes a piece too large
   */
  boolean next() throws IOException {
    gathered -= length;
    System.arraycopy(text.array(), length, text.array(), 0, gathered);
    length = 0;
    while (!ended) {
      int lineStart = gathered;
      gathered = lines.read(text, lineStart, pieces.maxBytes());
      ended = gathered == lineStart;
      if (ended || isSeparator(lineStart, gathered)) {
        length = TextLines.withoutLineEnd(text.array(), 0, lineStart);
        gathered = length;
        endsDocument = true;
        if (length > 0) {
          return true;
        }
      } else if (lineStart >= pieces.minBytes() && mayCut(lineStart)) {
        length = lineStart;
        endsDocument = false;
        return true;
      }
    }
    return false;
  }

  /** Returns whether a piece may end before this line. */
  private boolean mayCut(int lineStart) {
    byte[] b = text.array();
    return pieces.divide()
        && lineStart >= 2
        && isVisible(b, Utf8.previous(b, lineStart - 1))
        && isVisible(b, lineStart);
  }

  private static boolean isVisible(byte[] b, int at) {
    return !Gpt2Scanner.isWhiteSpace(Utf8.codePoint(b, at));
  }

  private boolean isSeparator(int from, int to) {
    byte[] b = text.array();
    int lineEnd = TextLines.withoutLineEnd(b, from, to);
    return Arrays.equals(b, from, lineEnd, SEPARATOR, 0, SEPARATOR.length);
  }
}
