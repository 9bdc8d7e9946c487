package org.tokenformer.engine.tensor;

/**
 * The layout of quantised weights in memory and in files. Each group of {@value #GROUP} weights in
 * a row shares a scale, a float that multiplies their integers. The last group of a row may be
 * shorter.
 *
 * <p>{@link DType#I8}: one byte per weight.
 *
 * <p>{@link DType#I4}: one block of {@value #BLOCK_BYTES} bytes per group; the last one is padded
 * with zeros. A block is sixteen little-endian ints; bits 4k to 4k + 3 of int l hold weight 16k + l
 * of the group, in two's complement. Shifting a vector of consecutive ints, whatever its width,
 * therefore yields adjacent weights.
 */
public final class Quantized {
  /** Weights per group. */
  public static final int GROUP = 128;

  /** Bytes per I4 group. */
  public static final long BLOCK_BYTES = GROUP / 2;

  /** Ints per I4 group; also the distance between consecutive weights in one int. */
  public static final int BLOCK_INTS = 16;

  private Quantized() {}

  /** Returns the number of groups, and thus of scales, in a row. */
  public static long groups(long columns) {
    return (columns + GROUP - 1) / GROUP;
  }

  /** Returns whether matrices of this type need scales. */
  public static boolean is(DType dtype) {
    return dtype == DType.I8 || dtype == DType.I4;
  }
}
