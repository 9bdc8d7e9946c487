package org.tokenformer.engine.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.zip.CRC32;

/** Little-endian reads, writing and checksums of memory segments of any size. */
final class Segments {
  static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int STEP = 1 << 26;

  private Segments() {}

  static int u8(MemorySegment bytes, long offset) {
    return Byte.toUnsignedInt(bytes.get(ValueLayout.JAVA_BYTE, offset));
  }

  static int u16(MemorySegment bytes, long offset) {
    return Short.toUnsignedInt(bytes.get(SHORT, offset));
  }

  static long u32(MemorySegment bytes, long offset) {
    return Integer.toUnsignedLong(bytes.get(INT, offset));
  }

  /** Eight bytes; unsigned values of 2⁶³ and more come out negative, for the caller to refuse. */
  static long i64(MemorySegment bytes, long offset) {
    return bytes.get(LONG, offset);
  }

  private interface Chunk<X extends Exception> {
    void accept(ByteBuffer chunk) throws X;
  }

  private static <X extends Exception> void forEachChunk(MemorySegment bytes, Chunk<X> action)
      throws X {
    boolean viewable = bytes.isNative() || bytes.heapBase().orElse(null) instanceof byte[];
    // Arrays of other types than byte[] cannot be seen as a ByteBuffer and pass through a copy.
    byte[] staging = new byte[viewable ? 0 : (int) Math.min(bytes.byteSize(), 1 << 16)];
    long step = viewable ? STEP : staging.length;
    for (long at = 0; at < bytes.byteSize(); at += step) {
      MemorySegment chunk = bytes.asSlice(at, Math.min(step, bytes.byteSize() - at));
      if (viewable) {
        action.accept(chunk.asByteBuffer());
      } else {
        MemorySegment.copy(chunk, 0, MemorySegment.ofArray(staging), 0, chunk.byteSize());
        action.accept(ByteBuffer.wrap(staging, 0, (int) chunk.byteSize()));
      }
    }
  }

  /** Writes all bytes. */
  static void write(WritableByteChannel out, MemorySegment bytes) throws IOException {
    forEachChunk(bytes, chunk -> write(out, chunk));
  }

  /** Writes all that remains in the buffer. */
  static void write(WritableByteChannel out, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (out.write(buffer) == 0) {
        throw new IOException("the channel takes no more bytes");
      }
    }
  }

  /** The CRC-32 of zip. */
  static int crc32(MemorySegment bytes) {
    CRC32 crc = new CRC32();
    forEachChunk(bytes, crc::update);
    return (int) crc.getValue();
  }
}
