package org.tokenformer.tokenizer;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads the documents of a text. A line that is exactly {@code <|endoftext|>} separates documents.
 * The last newline of a document is dropped, and so are empty documents. Only {@code \n} ends a
 * line.
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
  private static final int BUFFER = 1 << 16;

  private final InputStream in;
  private final String name;
  private final Pieces pieces;
  private final byte[] buffer = new byte[BUFFER];
  private int start; // of the unread bytes in the buffer
  private int end;
  private long bytesRead;
  private long lines;

  /** The piece, followed by the line of the next piece that was read to find the cut. */
  private final ByteBuilder text = new ByteBuilder();

  private int length; // of the piece
  private int gathered; // including the line after it
  private boolean endsDocument;
  private boolean ended;

  /**
   * Creates a reader for a stream, which the caller closes.
   *
   * @param name the name of the text in messages
   */
  TextDocuments(InputStream in, String name, Pieces pieces) {
    this.in = in;
    this.name = name;
    this.pieces = pieces;
  }

  /** Returns the number of bytes read so far. */
  long bytesRead() {
    return bytesRead;
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
   * @throws TokenizerException with the line number, if a line is not UTF-8 or makes a piece too
   *     large
   */
  boolean next() throws IOException {
    gathered -= length;
    System.arraycopy(text.array(), length, text.array(), 0, gathered);
    length = 0;
    while (!ended) {
      int lineStart = gathered;
      gathered = readLine(lineStart);
      ended = gathered == lineStart;
      checkUtf8(lineStart, gathered);
      if (ended || isSeparator(lineStart, gathered)) {
        boolean newline = lineStart > 0 && text.array()[lineStart - 1] == '\n';
        length = newline ? lineStart - 1 : lineStart;
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

  /** Appends a line with its newline after the first {@code used} bytes; returns the new length. */
  private int readLine(int used) throws IOException {
    int filled = used;
    boolean complete = false;
    while (!complete && fill()) {
      int newline = start;
      while (newline < end && buffer[newline] != '\n') {
        newline++;
      }
      complete = newline < end;
      int count = (complete ? newline + 1 : newline) - start;
      if (count > pieces.maxBytes() - filled) {
        throw new TokenizerException(
            "%s: line %d: more than %d bytes must be encoded at once; split the text into lines, or into documents separated by %s lines"
                .formatted(name, lines + 1, pieces.maxBytes(), Tokenizer.END_OF_TEXT));
      }
      filled = text.append(filled, buffer, start, start + count);
      start += count;
    }
    lines++;
    return filled;
  }

  private boolean fill() throws IOException {
    if (start == end) {
      start = 0;
      end = Math.max(0, in.read(buffer));
      bytesRead += end;
    }
    return start < end;
  }

  private void checkUtf8(int from, int to) throws TokenizerException {
    int bad = Utf8.malformedAt(text.array(), from, to);
    if (bad >= 0) {
      throw new TokenizerException(
          "%s: line %d is not UTF-8: invalid byte at position %d of the line; convert the text to UTF-8"
              .formatted(name, lines, bad - from + 1));
    }
  }

  private boolean isSeparator(int from, int to) {
    byte[] b = text.array();
    int lineEnd = to > from && b[to - 1] == '\n' ? to - 1 : to;
    return Arrays.equals(b, from, lineEnd, SEPARATOR, 0, SEPARATOR.length);
  }
}
