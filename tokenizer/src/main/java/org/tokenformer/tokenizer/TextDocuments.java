package org.tokenformer.tokenizer;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The documents of a text. A line that is exactly {@code <|endoftext|>} parts them; a document
 * loses its last newline, and an empty one is left out. Only {@code \n} ends a line.
 *
 * <p>Memory grows with the longest document, not with the text. For one thread.
 */
public final class TextDocuments {
  /** The line between two documents. */
  public static final String SEPARATOR = "<|endoftext|>";

  private static final byte[] SEPARATOR_BYTES = SEPARATOR.getBytes(StandardCharsets.UTF_8);
  private static final int BUFFER = 1 << 16;

  private final InputStream in;
  private final String name;
  private final long largest;
  private final byte[] buffer = new byte[BUFFER];
  private final ByteBuilder document = new ByteBuilder();
  private int start; // of what is not used yet, in the buffer
  private int end;
  private long bytesRead;
  private long lines;

  /**
   * The documents of a stream, which stays the caller's to close.
   *
   * @param name what messages call the text
   */
  public TextDocuments(InputStream in, String name) {
    this(in, name, Utf8.MAX_CHARS);
  }

  TextDocuments(InputStream in, String name, long largest) {
    this.in = in;
    this.name = name;
    this.largest = largest;
  }

  /** Bytes that have been read. */
  public long bytesRead() {
    return bytesRead;
  }

  /**
   * The next document, or null after the last.
   *
   * @throws TokenizerException naming the line, if it is not UTF-8; or if a document has more than
   *     700 million bytes
   */
  public @Nullable String next() throws IOException {
    while (true) {
      int length = 0;
      boolean separated = false;
      boolean more = true;
      while (!separated && more) {
        int lineStart = length;
        length = readLine(lineStart);
        more = length > lineStart;
        checkUtf8(lineStart, length);
        separated = isSeparator(lineStart, length);
        length = separated ? lineStart : length;
      }
      byte[] bytes = document.array();
      if (length > 0 && bytes[length - 1] == '\n') {
        length--;
      }
      if (length > 0) {
        return new String(bytes, 0, length, StandardCharsets.UTF_8);
      }
      if (!separated) {
        return null;
      }
    }
  }

  /**
   * Appends a line with its newline behind the first {@code used} bytes; returns how many there
   * are.
   */
  private int readLine(int used) throws IOException {
    int length = used;
    boolean ended = false;
    while (!ended && fill()) {
      int newline = start;
      while (newline < end && buffer[newline] != '\n') {
        newline++;
      }
      ended = newline < end;
      int count = (ended ? newline + 1 : newline) - start;
      if (count > largest - length) {
        throw new TokenizerException(
            "%s: the document that ends after line %d has more than %d bytes; part it with lines of %s"
                .formatted(name, lines, largest, SEPARATOR));
      }
      length = document.append(length, buffer, start, start + count);
      start += count;
    }
    lines++;
    return length;
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
    int bad = Utf8.malformedAt(document.array(), from, to);
    if (bad >= 0) {
      throw new TokenizerException(
          "%s: line %d is not UTF-8: bad byte %d of the line"
              .formatted(name, lines, bad - from + 1));
    }
  }

  private boolean isSeparator(int from, int to) {
    byte[] bytes = document.array();
    int length = to > from && bytes[to - 1] == '\n' ? to - from - 1 : to - from;
    if (length != SEPARATOR_BYTES.length) {
      return false;
    }
    return Arrays.equals(bytes, from, from + length, SEPARATOR_BYTES, 0, length);
  }
}
