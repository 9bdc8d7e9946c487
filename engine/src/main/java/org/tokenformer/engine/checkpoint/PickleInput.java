package org.tokenformer.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.checkpoint.PickleValue.Opaque;
import org.tokenformer.engine.checkpoint.PickleValue.Text;

/** Reads the arguments of pickle instructions in order, with a check against the end. */
final class PickleInput {
  private static final int MAX_LINE = 256;
  private static final int MAX_TEXT = 1 << 16;
  private static final ValueLayout.OfDouble BIG_ENDIAN_DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private final Path path;
  private final MemorySegment bytes;
  private long position;

  PickleInput(Path path, MemorySegment bytes) {
    this.path = path;
    this.bytes = bytes;
  }

  long position() {
    return position;
  }

  int u8() throws CheckpointException {
    return Segments.u8(bytes, take(1));
  }

  int u16() throws CheckpointException {
    return Segments.u16(bytes, take(2));
  }

  int i32() throws CheckpointException {
    return bytes.get(Segments.INT, take(4));
  }

  long u32() throws CheckpointException {
    return Segments.u32(bytes, take(4));
  }

  long i64() throws CheckpointException {
    return Segments.i64(bytes, take(8));
  }

  double bigEndianDouble() throws CheckpointException {
    return bytes.get(BIG_ENDIAN_DOUBLE, take(8));
  }

  /** Skips {@code length} bytes. */
  void skip(long length) throws CheckpointException {
    take(length);
  }

  /** Reads a two's complement number of {@code length} bytes, at most eight. */
  long signed(int length) throws CheckpointException {
    long at = take(length);
    long value = 0;
    for (int i = 0; i < length; i++) {
      value |= (long) Segments.u8(bytes, at + i) << (8 * i);
    }
    int unused = 64 - 8 * length;
    return length == 0 ? 0 : value << unused >> unused;
  }

  /** Reads UTF-8 text of {@code length} bytes; text too long for a name is skipped. */
  PickleValue text(long length) throws CheckpointException {
    MemorySegment text = bytes.asSlice(take(length), length);
    if (length > MAX_TEXT) {
      return Opaque.TEXT;
    }
    try {
      return new Text(StandardCharsets.UTF_8.newDecoder().decode(text.asByteBuffer()).toString());
    } catch (CharacterCodingException e) {
      throw new CheckpointException(
          Kind.BAD_PICKLE, path, "data.pkl has a string that is not UTF-8", e);
    }
  }

  /** Reads text up to the next line feed, which is skipped. */
  String line() throws CheckpointException {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < MAX_LINE; i++) {
      int c = u8();
      if (c == '\n') {
        return line.toString();
      }
      line.append((char) c);
    }
    throw bad("has a name longer than %d bytes".formatted(MAX_LINE));
  }

  void skipFrameHeader() throws CheckpointException {
    long length = i64();
    if (length < 0 || length > bytes.byteSize() - position) {
      throw bad(
          "has a frame of %s bytes, but only %d bytes are left"
              .formatted(Long.toUnsignedString(length), bytes.byteSize() - position));
    }
  }

  private long take(long length) throws CheckpointException {
    if (length < 0 || length > bytes.byteSize() - position) {
      throw bad("ends at byte %d, inside an instruction".formatted(bytes.byteSize()));
    }
    long at = position;
    position += length;
    return at;
  }

  private CheckpointException bad(String what) {
    return new CheckpointException(Kind.BAD_PICKLE, path, "data.pkl " + what);
  }
}
