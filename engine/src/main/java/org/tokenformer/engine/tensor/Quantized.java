package org.tokenformer.engine.tensor;

/**
 * How weights of few bits lie in memory and in files: each {@value #GROUP} of a row share a scale,
 * a float by which their small integers are multiplied. The last group of a row may be shorter.
 *
 * <p>{@link DType#I8}: a byte each.
 *
 * <p>{@link DType#I4}: a block of {@value #BLOCK_BYTES} bytes for each group, the last one filled
 * up with zeros. A block is sixteen little-endian ints; bits 4k to 4k + 3 of int l are weight 16k +
 * l of the group, in two's complement. So a vector of any width that holds some of the ints gives,
 * shifted, weights that are neighbours.
 */
public final class Quantized {
  /** Weights of a row that share a scale. */
  public static final int GROUP = 128;

  /** Bytes of a group of I4. */
  public static final long BLOCK_BYTES = GROUP / 2;

  /** Ints of a group of I4, and weights from one of an int to its next. */
  public static final int BLOCK_INTS = 16;

  private Quantized() {}

  /** Groups of a row, and scales. */
  public static long groups(long columns) {
    return (columns + GROUP - 1) / GROUP;
  }

  /** Whether a matrix of this type needs scales. */
  public static boolean is(DType dtype) {
    return dtype == DType.I8 || dtype == DType.I4;
  }
}
