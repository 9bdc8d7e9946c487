package org.tokenformer.tokenizer;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The documents of a text. A line that is exactly {@code <|endoftext|>} parts them; a document
 * loses its last newline, and an empty one is left out. Only {@code \n} ends a line.
 *
 * <p>A long document comes in pieces, so that memory does not grow with it, if the tokenizer lets
 * it be cut; see {@link Pipeline#dividesAtNewlines}. For one thread.
 */
final class TextDocuments {
  /**
   * How pieces are cut.
   *
   * @param divide whether documents may be cut at all
   * @param wanted bytes from which on the next place to cut is taken
   * @param largest bytes that a piece may have
   */
  record Pieces(boolean divide, int wanted, int largest) {
    /**
     * Large enough to be quick, small enough for the processor's cache and for a smooth progress.
     */
    private static final int WANTED = 1 << 16;

    /** Its ids and the buffers on the way to them take some ten times as much. */
    private static final int LARGEST = 128 << 20;

    static Pieces of(Tokenizer tokenizer) {
      return new Pieces(tokenizer.dividesAtNewlines(), WANTED, LARGEST);
    }
  }

  private static final byte[] SEPARATOR = Tokenizer.END_OF_TEXT.getBytes(StandardCharsets.UTF_8);
  private static final int BUFFER = 1 << 16;

  private final InputStream in;
  private final String name;
  private final Pieces pieces;
  private final byte[] buffer = new byte[BUFFER];
  private int start; // of what is not used yet, in the buffer
  private int end;
  private long bytesRead;
  private long lines;

  /** The piece, and behind it the line of the next one that had to be read to find the cut. */
  private final ByteBuilder text = new ByteBuilder();

  private int length; // of the piece
  private int gathered; // the line behind it included
  private boolean endsDocument;
  private boolean ended;

  /**
   * The documents of a stream, which stays the caller's to close.
   *
   * @param name what messages call the text
   */
  TextDocuments(InputStream in, String name, Pieces pieces) {
    this.in = in;
    this.name = name;
    this.pieces = pieces;
  }

  /** Bytes that have been read. */
  long bytesRead() {
    return bytesRead;
  }

  /** The piece is the first {@link #length} of these bytes, well-formed UTF-8, until the next. */
  byte[] bytes() {
    return text.array();
  }

  int length() {
    return length;
  }

  /** Whether the document ends with this piece. */
  boolean endsDocument() {
    return endsDocument;
  }

  /**
   * Goes on to the next piece; false after the last.
   *
   * @throws TokenizerException naming the line, if it is not UTF-8 or makes a piece too large
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
      } else if (lineStart >= pieces.wanted() && mayCut(lineStart)) {
        length = lineStart;
        endsDocument = false;
        return true;
      }
    }
    return false;
  }

  /** Whether a piece may end before this line. */
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

  /**
   * Appends a line with its newline behind the first {@code used} bytes; returns how many there
   * are.
   */
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
      if (count > pieces.largest() - filled) {
        throw new TokenizerException(
            "%s: line %d: more than %d bytes would have to be encoded at once; break them into lines or documents, parted by lines of %s"
                .formatted(name, lines + 1, pieces.largest(), Tokenizer.END_OF_TEXT));
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
          "%s: line %d is not UTF-8: bad byte %d of the line"
              .formatted(name, lines, bad - from + 1));
    }
  }

  private boolean isSeparator(int from, int to) {
    byte[] b = text.array();
    int lineEnd = to > from && b[to - 1] == '\n' ? to - 1 : to;
    return Arrays.equals(b, from, lineEnd, SEPARATOR, 0, SEPARATOR.length);
  }
}
