package org.tokenformer.cli.console;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * Reads untrusted text: strict UTF-8 of bounded size. Bytes that are not UTF-8 are rejected with
 * their offset in the input, never replaced.
 */
public final class Utf8Input {
  private final InputStream in;
  private final String name;
  private final int maxBytes;

  private final byte[] buffer = new byte[1 << 16];
  private int start;
  private int end;

  /** Offset of {@code buffer[start]} in the input. */
  private long offset;

  /**
   * Creates a reader.
   *
   * @param name the name of the input in errors: a file name or "standard input"
   * @param maxBytes the maximum size of a line, or of the whole input for {@link #readAll}
   */
  public Utf8Input(InputStream in, String name, int maxBytes) {
    this.in = in;
    this.name = name;
    this.maxBytes = maxBytes;
  }

  /** Returns the rest of the input. */
  public String readAll() throws IOException {
    var bytes = new ByteArrayOutputStream();
    while (fill()) {
      take(end, bytes, "the input");
    }
    return decode(bytes.toByteArray(), bytes.size());
  }

  /**
   * Returns the next line without its terminator ({@code \n} or {@code \r\n}), or null at the end.
   */
  public @Nullable String readLine() throws IOException {
    if (!fill()) {
      return null;
    }
    var line = new ByteArrayOutputStream();
    boolean ended = false;
    while (!ended && fill()) {
      int newline = start;
      while (newline < end && buffer[newline] != '\n') {
        newline++;
      }
      ended = newline < end;
      take(newline, line, "the line");
    }
    byte[] bytes = line.toByteArray();
    int length = bytes.length;
    boolean carriageReturn = ended && length > 0 && bytes[length - 1] == '\r';
    String text = decode(bytes, carriageReturn ? length - 1 : length);
    if (ended) {
      start++;
      offset++;
    }
    return text;
  }

  /** Returns whether there is a byte at {@code start}; refills the buffer if it is empty. */
  private boolean fill() throws IOException {
    if (start == end) {
      start = 0;
      end = Math.max(0, in.read(buffer));
    }
    return start < end;
  }

  private void take(int to, ByteArrayOutputStream into, String what) {
    int length = to - start;
    if (length > maxBytes - into.size()) {
      throw new UserError(
          "%s: %s that starts at byte %d is longer than the limit of %d bytes"
              .formatted(name, what, offset - into.size(), maxBytes));
    }
    into.write(buffer, start, length);
    start = to;
    offset += length;
  }

  /** Decodes bytes that end at {@code offset}. */
  private String decode(byte[] bytes, int length) {
    CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    ByteBuffer source = ByteBuffer.wrap(bytes, 0, length);
    CharBuffer target = CharBuffer.allocate(length); // a char never takes less than a byte
    CoderResult result = decoder.decode(source, target, true);
    if (result.isError()) {
      int bad = source.position();
      throw new UserError(
          "%s: not UTF-8 at byte %d (0x%02X); convert it to UTF-8 first"
              .formatted(name, offset - bytes.length + bad, bytes[bad]));
    }
    return target.flip().toString();
  }
}
