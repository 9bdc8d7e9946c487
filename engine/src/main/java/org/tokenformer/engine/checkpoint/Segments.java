package org.tokenformer.engine.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.zip.CRC32;

/** Little-endian reads, writes and checksums of memory segments of any size. */
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

  private static final long DIRECT_STEP = 1 << 26;
  private static final int STAGING = 1 << 16;

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

  /** Reads eight bytes; unsigned values from 2⁶³ become negative, for the caller to reject. */
  static long i64(MemorySegment bytes, long offset) {
    return bytes.get(LONG, offset);
  }

  /** Writes all bytes of a segment. */
  static void write(WritableByteChannel out, MemorySegment bytes) throws IOException {
    if (bytes.isNative()) {
      for (long at = 0; at < bytes.byteSize(); at += DIRECT_STEP) {
        long size = Math.min(DIRECT_STEP, bytes.byteSize() - at);
        write(out, bytes.asSlice(at, size).asByteBuffer());
      }
      return;
    }
    // Of all arrays, only a byte[] can be viewed as a ByteBuffer.
    byte[] staging = staging(bytes);
    for (long at = 0; at < bytes.byteSize(); at += staging.length) {
      write(out, ByteBuffer.wrap(staging, 0, stage(bytes, at, staging)));
    }
  }

  /** Writes the remaining bytes of a buffer. */
  static void write(WritableByteChannel out, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (out.write(buffer) == 0) {
        throw new IOException("the channel accepts no more bytes");
      }
    }
  }

  /**
   * Computes the CRC-32 of zip, from a copy made piece by piece: if a mapped file is truncated,
   * copying throws an {@link InternalError}, whereas the checksum's own machine code would end the
   * process.
   */
  static int crc32(MemorySegment bytes) {
    CRC32 crc = new CRC32();
    byte[] staging = staging(bytes);
    for (long at = 0; at < bytes.byteSize(); at += staging.length) {
      crc.update(staging, 0, stage(bytes, at, staging));
    }
    return (int) crc.getValue();
  }

  private static byte[] staging(MemorySegment bytes) {
    return new byte[(int) Math.min(bytes.byteSize(), STAGING)];
  }

  /** Copies as many of the next bytes as fit and returns their number. */
  private static int stage(MemorySegment bytes, long at, byte[] staging) {
    int size = (int) Math.min(staging.length, bytes.byteSize() - at);
    MemorySegment.copy(bytes, at, MemorySegment.ofArray(staging), 0, size);
    return size;
  }
}
