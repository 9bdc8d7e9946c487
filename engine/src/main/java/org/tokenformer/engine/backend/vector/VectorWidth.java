package org.tokenformer.engine.backend.vector;

import java.util.List;
import java.util.stream.Stream;
import jdk.incubator.vector.FloatVector;

/**
 * The vector width: the machine's widest, at most 512 bits, or the value of the system property
 * {@value #PROPERTY}. Processors that lower their clock for wide vectors may be faster with less
 * than their maximum.
 */
final class VectorWidth {
  static final String PROPERTY = "tokenformer.vector.bits";

  private VectorWidth() {}

  /** Returns the widths in bits, in ascending order, that this machine has instructions for. */
  static List<Integer> supported() {
    return upTo(FloatVector.SPECIES_PREFERRED.vectorBitSize());
  }

  /** Returns the widths that there are kernels for, up to a maximum. */
  static List<Integer> upTo(int bits) {
    return Stream.of(128, 256, 512).filter(width -> width <= bits).toList();
  }

  /**
   * Returns the bits in use, which only tests set to more than is {@link #supported}: such vectors
   * work, but very slowly.
   */
  static int inUse() {
    Integer bits = Integer.getInteger(PROPERTY);
    return bits == null ? supported().getLast() : bits;
  }
}
