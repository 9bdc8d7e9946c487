package org.tokenformer.engine.backend.vector;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The width of this machine's vectors and the one memory segment that all addresses are offsets of.
 *
 * <p>All of it is static and final, since C2 compiles vectors well only when their species is a
 * constant. The system property {@value #WIDTH_PROPERTY} caps the width: tests force 128, 256 and
 * 512 bits with it, and chips that clock down under wide vectors may want less than they have.
 */
final class Simd {
  /** Bits of a vector; the machine's preferred width, at most 512, where it is not set. */
  static final String WIDTH_PROPERTY = "tokenformer.vector.bits";

  static final VectorSpecies<Float> FLOATS = species();
  static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
  static final VectorSpecies<Short> HALF_SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

  /** As many bytes as there are lanes, or the fewest that a vector holds. */
  static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(
          byte.class, VectorShape.forBitSize(Math.max(64, FLOATS.vectorBitSize() / 4)));

  /** What a vector of bytes reads; lanes beyond {@link #LANES} are not used. */
  static final int BYTES_READ = BYTES.length();

  static final int LANES = FLOATS.length();
  static final long VECTOR_BYTES = (long) LANES * Float.BYTES;

  /**
   * Vectors of tokens in a panel. Two, with 6 rows of parameter tokens, are 12 accumulators: they
   * hide the latency of the multiply-add and fit the 16 registers that machines without AVX-512
   * have. Four are for those with 32.
   */
  static final int PANEL_VECTORS = LANES == 16 ? 4 : 2;

  /** Tokens in a panel. */
  static final int PANEL = PANEL_VECTORS * LANES;

  /** Bytes from one row of a panel to the next. */
  static final long PANEL_BYTES = (long) PANEL * Float.BYTES;

  static final ByteOrder LE = ByteOrder.LITTLE_ENDIAN;
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LE);
  static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LE);
  static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LE);

  /** All memory: an address is an offset in it. One constant base is what compiles best. */
  static final MemorySegment ALL = everything();

  private Simd() {}

  private static VectorSpecies<Float> species() {
    int preferred = FloatVector.SPECIES_PREFERRED.vectorBitSize();
    int bits = Integer.getInteger(WIDTH_PROPERTY, Math.min(preferred, 512));
    return switch (bits) {
      case 128 -> FloatVector.SPECIES_128;
      case 256 -> FloatVector.SPECIES_256;
      case 512 -> FloatVector.SPECIES_512;
      default ->
          throw new IllegalArgumentException(
              "-D" + WIDTH_PROPERTY + " must be 128, 256 or 512, not " + bits);
    };
  }

  @SuppressWarnings("restricted") // the addresses come from checked tensors
  private static MemorySegment everything() {
    return MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  }

  private static final long CACHE_LINE = 64;

  /** The float at an address. */
  static float get(long address) {
    return ALL.get(FLOAT, address);
  }

  static void set(long address, float value) {
    ALL.set(FLOAT, address, value);
  }

  /** The float whose upper half lies at an address. */
  static float getBf16(long address) {
    return Float.intBitsToFloat(ALL.get(SHORT, address) << 16);
  }

  /** The byte at an address. */
  static byte getByte(long address) {
    return ALL.get(ValueLayout.JAVA_BYTE, address);
  }

  /** The int at an address. */
  static int getInt(long address) {
    return ALL.get(INT, address);
  }

  /**
   * Reads an int of every cache line, in the order of memory. There is no instruction to prefetch
   * with; but where rows are used in bursts with long work between them, or two at a time, the
   * processor's prefetchers lose them, and reading them in order a little before brings them back.
   *
   * @return made of what was read: the caller stores it somewhere, or nothing would be read
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

  /** Writes zeros; {@code bytes} is a multiple of 4. A slice to fill would be an object a call. */
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

  /** Copies bytes; the ranges do not overlap. */
  static void copy(long from, long to, long bytes) {
    MemorySegment.copy(ALL, from, ALL, to, bytes);
  }

  /** The smallest multiple of {@code step} that is not less than {@code n}. */
  static int roundUp(int n, int step) {
    return (n + step - 1) / step * step;
  }
}
