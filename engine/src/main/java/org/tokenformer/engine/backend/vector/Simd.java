package org.tokenformer.engine.backend.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector width in use, and the memory segment in which all addresses are offsets.
 *
 * <p>Everything is static and final, since C2 compiles vectors well only if their species is a
 * constant. {@link VectorWidth} chooses the width; tests force 128, 256 and 512 bits.
 */
final class Simd {
  static final VectorSpecies<Float> FLOATS = species();
  static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
  static final VectorSpecies<Short> HALF_SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  /** Holds one byte per lane, but at least 8 bytes, the smallest vector. */
  static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(
          byte.class, VectorShape.forBitSize(Math.max(64, FLOATS.vectorBitSize() / 4)));

  /** Bytes read by a vector of bytes; those after {@link #LANES} are not used. */
  static final int BYTES_READ = BYTES.length();

  static final int LANES = FLOATS.length();
  static final long VECTOR_BYTES = (long) LANES * Float.BYTES;

  /**
   * Vectors of tokens per panel. Two of them, with 6 rows of parameter tokens, need 12
   * accumulators, which hide the latency of the multiply-add and fit in the 16 registers of
   * machines without AVX-512. Four are for machines with 32 registers.
   */
  static final int PANEL_VECTORS = LANES == 16 ? 4 : 2;

  /** Tokens per panel. */
  static final int PANEL = PANEL_VECTORS * LANES;

  /** Bytes from one row of a panel to the next. */
  static final long PANEL_BYTES = (long) PANEL * Float.BYTES;

  static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LE);
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LE);
  static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LE);

  /** All memory: an address is an offset in this segment. A single constant base compiles best. */
  static final MemorySegment ALL = everything();

  private Simd() {}

  private static VectorSpecies<Float> species() {
    return switch (VectorWidth.inUse()) {
      case 128 -> FloatVector.SPECIES_128;
      case 256 -> FloatVector.SPECIES_256;
      case 512 -> FloatVector.SPECIES_512;
      default -> throw new IllegalStateException("the vector width was not checked");
    };
  }

  @SuppressWarnings("restricted") // the addresses come from checked tensors
  private static MemorySegment everything() {
    return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  }

  private static final long CACHE_LINE = 64;

  /** Returns the float at an address. */
  static float get(long address) {
    return ALL.get(FLOAT, address);
  }

  static void set(long address, float value) {
    ALL.set(FLOAT, address, value);
  }

  /** Returns the BF16 number at an address as a float. */
  static float getBf16(long address) {
    return Float.intBitsToFloat(ALL.get(SHORT, address) << 16);
  }

  /** Returns the byte at an address. */
  static byte getByte(long address) {
    return ALL.get(ValueLayout.JAVA_BYTE, address);
  }

  /** Returns the int at an address. */
  static int getInt(long address) {
    return ALL.get(INT, address);
  }

  /**
   * Reads one int of every cache line, in the order of memory. The Vector API has no prefetch
   * instruction. When rows are used in bursts with long computations between them, or two at a
   * time, the processor's prefetchers lose track; reading the rows in order shortly before restores
   * them.
   *
   * @return a value that depends on everything read; the caller must store it, or the compiler
   *     removes the reads
   */
  static int prefetch(long address, long bytes) {
    int all = 0;
    for (long at = address; at <= address + bytes - Integer.BYTES; at += CACHE_LINE) {
      all |= getInt(at);
    }
    return all;
  }

  static void setInt(long address, int value) {
    ALL.set(INT, address, value);
  }

  /**
   * Writes zeros; {@code bytes} is a multiple of 4. Filling a slice of the segment would allocate
   * an object per call.
   */
  static void clear(long address, long bytes) {
    FloatVector zero = FloatVector.zero(FLOATS);
    long end = address + bytes;
    for (; address <= end - VECTOR_BYTES; address += VECTOR_BYTES) {
      zero.intoMemorySegment(ALL, address, LE);
    }
    for (; address < end; address += Float.BYTES) {
      set(address, 0);
    }
  }

  static void fill(long address, int floats, float value) {
    for (int i = 0; i < floats; i++) {
      set(address + 4L * i, value);
    }
  }

  /** Copies bytes; the ranges must not overlap. */
  static void copy(long from, long to, long bytes) {
    MemorySegment.copy(ALL, from, ALL, to, bytes);
  }

  /** Returns the smallest multiple of {@code step} that is not less than {@code n}. */
  static int roundUp(int n, int step) {
    return (n + step - 1) / step * step;
  }
}
