package org.tokenformer.tokenizer;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.tokenformer.tokenizer.kind.FileKind;

/**
 * The lines of a text. Every text that this module reads goes through this class, so that one rule
 * holds for all of them:
 *
 * <ul>
 *   <li>the text is UTF-8; anything else is rejected with its line;
 *   <li>a byte-order mark at the start is dropped;
 *   <li>a line ends with {@code \n}; {@code \r\n} becomes {@code \n} unless it is to be kept, and
 *       any other {@code \r} is part of its line;
 *   <li>what looks like another kind of file is rejected by name, as {@link TextRules} says;
 *   <li>everything else stays as it is, also NUL bytes.
 * </ul>
 *
 * <p>{@link #changes} counts what was changed. For one thread at a time.
 */
public final class TextLines implements Closeable {
  /**
   * What was changed in a text, or kept although it is unusual.
   *
   * @param byteOrderMark whether a byte-order mark was dropped
   * @param lineEnds number of {@code \r\n} that became {@code \n}
   * @param carriageReturns number of {@code \r} that are not part of {@code \r\n}; all were kept
   * @param nuls number of NUL bytes; all were kept
   */
  public record Changes(boolean byteOrderMark, long lineEnds, long carriageReturns, long nuls) {
    /** Returns whether there is nothing to report. */
    public boolean isEmpty() {
      return !byteOrderMark && lineEnds + carriageReturns + nuls == 0;
    }
  }

  private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

  private final InputStream in;
  private final String name;
  private final TextRules rules;
  private final Consumer<Changes> onClose;
  private final byte[] buffer = new byte[FileKind.HEAD];
  private int start; // of the unread bytes in the buffer
  private int end;
  private long bytesRead;
  private long lines;
  private boolean byteOrderMark;
  private long pairs; // \r\n
  private long carriageReturns; // all of them
  private long nuls;
  private boolean failed;
  private final ByteBuilder line = new ByteBuilder();

  TextLines(InputStream in, String name, TextRules rules, Consumer<Changes> onClose)
      throws IOException {
    this.in = in;
    this.name = name;
    this.rules = rules;
    this.onClose = onClose;
    readHead();
  }

  /**
   * Opens a text.
   *
   * @param in closed with this object
   * @param name the name of the text in messages
   * @throws TextKindException if the first bytes show that it is not plain text; the stream stays
   *     open
   */
  public static TextLines of(InputStream in, String name, TextRules rules) throws IOException {
    return new TextLines(in, name, rules, changes -> {});
  }

  /** Reads the first bytes: many to judge prose, otherwise no more than the first line needs. */
  private void readHead() throws IOException {
    boolean prose = rules.content() == TextRules.Content.PROSE;
    int n = 0;
    int line = 0;
    while (n >= 0 && end < buffer.length && (prose || line == end)) {
      n = in.read(buffer, end, buffer.length - end);
      end += Math.max(0, n);
      while (line < end && buffer[line] != '\n') {
        line++;
      }
    }
    bytesRead = end;
    int mark = BYTE_ORDER_MARK.length;
    byteOrderMark = end >= mark && Arrays.equals(buffer, 0, mark, BYTE_ORDER_MARK, 0, mark);
    start = byteOrderMark ? mark : 0;
    byte[] head = Arrays.copyOfRange(buffer, start, end);
    FileKind kind =
        switch (rules.content()) {
          case PROSE -> FileKind.of(head, head.length);
          case ANY_SYNTAX -> FileKind.ofEncoded(head, head.length);
          case ANYTHING -> null;
        };
    if (kind != null) {
      failed = true;
      throw new TextKindException(
          "%s: %s%s; %s"
              .formatted(
                  name, kind.what(), kind.readable() ? ", not plain text" : "", kind.advice()),
          kind.readable());
    }
  }

  /** Returns the name of the text in messages. */
  public String name() {
    return name;
  }

  /** Returns the number of bytes read so far. */
  public long bytesRead() {
    return bytesRead;
  }

  /** Returns the number of lines read so far. */
  public long lines() {
    return lines;
  }

  /** Returns whether reading another line would wait for input. */
  public boolean waits() throws IOException {
    return start == end && in.available() == 0;
  }

  /** Returns what was changed in the lines read so far. */
  public Changes changes() {
    return new Changes(
        byteOrderMark, rules.keepLineEnds() ? 0 : pairs, carriageReturns - pairs, nuls);
  }

  /**
   * Returns the next line without its line end, or null after the last.
   *
   * @param maxBytes maximum length of the line
   * @throws TokenizerException with the line number, if the line is too long or not UTF-8
   */
  public @Nullable String readLine(int maxBytes) throws IOException {
    int length = read(line, 0, maxBytes);
    return length == 0
        ? null
        : new String(line.array(), 0, withoutLineEnd(line.array(), 0, length), UTF_8);
  }

  /**
   * Returns the rest of the text; the maximum length is that of the text.
   *
   * @throws IOException as {@link #readLine} does
   */
  public String readAll(int maxBytes) throws IOException {
    int length = 0;
    int before;
    do {
      before = length;
      length = read(line, before, maxBytes);
    } while (length > before);
    return new String(line.array(), 0, length, UTF_8);
  }

  /** Returns the end of {@code b[from, to)} without the line end that it may have. */
  static int withoutLineEnd(byte[] b, int from, int to) {
    boolean newline = to > from && b[to - 1] == '\n';
    boolean pair = newline && to - 1 > from && b[to - 2] == '\r';
    return to - (pair ? 2 : newline ? 1 : 0);
  }

  /**
   * Appends the next line with its line end after the first {@code used} bytes.
   *
   * @param maxBytes maximum length of the result
   * @return the new length; {@code used} after the last line
   */
  int read(ByteBuilder into, int used, int maxBytes) throws IOException {
    failed = true; // until the line is good
    int filled = used;
    boolean complete = false;
    while (!complete && fill()) {
      int to = scan();
      complete = to < end;
      int count = (complete ? to + 1 : to) - start;
      if (count > maxBytes - filled) {
        throw new TokenizerException(
            "%s: line %d: more than %d bytes must be read at once; split the text into lines, or into documents separated by %s lines"
                .formatted(name, lines + 1, maxBytes, Tokenizer.END_OF_TEXT));
      }
      filled = into.append(filled, buffer, start, start + count);
      start += count;
    }
    if (filled > used) {
      lines++;
      filled = finish(into.array(), used, filled);
    }
    failed = false;
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

  /** Returns the index of the next newline in the buffer, or its end; counts what is unusual. */
  private int scan() {
    int i = start;
    for (; i < end; i++) {
      byte b = buffer[i];
      if (b >= 0 && b <= '\r') {
        if (b == '\n') {
          return i;
        }
        carriageReturns += b == '\r' ? 1 : 0;
        nuls += b == 0 ? 1 : 0;
      }
    }
    return i;
  }

  /** Checks a complete line and returns its end, with its line end converted. */
  private int finish(byte[] b, int from, int to) throws TokenizerException {
    int bad = Utf8.malformedAt(b, from, to);
    if (bad >= 0) {
      throw new TokenizerException(
          "%s: line %d is not UTF-8: invalid byte at position %d of the line; convert the text to UTF-8"
              .formatted(name, lines, bad - from + 1));
    }
    if (to - from < 2 || b[to - 1] != '\n' || b[to - 2] != '\r') {
      return to;
    }
    pairs++;
    if (rules.keepLineEnds()) {
      return to;
    }
    b[to - 2] = '\n';
    return to - 1;
  }

  /** Closes the stream and, unless reading failed, reports what was changed. */
  @Override
  public void close() throws IOException {
    in.close();
    if (!failed && !changes().isEmpty()) {
      onClose.accept(changes());
    }
  }
}
