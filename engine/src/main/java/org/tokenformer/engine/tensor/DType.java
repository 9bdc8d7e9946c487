package org.tokenformer.engine.tensor;

/**
 * The element types of tensors and checkpoint files, all little-endian. Matrices of {@link #I8} and
 * {@link #I4} are quantised weights with scales; see {@link Quantized}.
 */
public enum DType {
  /** IEEE 754 binary64. */
  F64(8),
  /** IEEE 754 binary32, the type of all activations. */
  F32(4),
  /** IEEE 754 binary16; read from files and widened, never used in computation. */
  F16(2),
  /** bfloat16: the upper half of a binary32. */
  BF16(2),
  /** Two's complement, 64 bits. */
  I64(8),
  /** Two's complement, 32 bits. */
  I32(4),
  /** Two's complement, 16 bits. */
  I16(2),
  /** Two's complement, 8 bits. */
  I8(1),
  /** Unsigned, 8 bits. */
  U8(1),
  /** One byte, 0 or 1. */
  BOOL(1),
  /**
   * Two's complement, 4 bits. In memory only: files store the blocks of {@link Quantized} as U8.
   */
  I4(0);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /**
   * Returns the size of one element in bytes.
   *
   * @throws IllegalStateException for {@link #I4}, which is stored in whole blocks only
   */
  public int bytes() {
    if (bytes == 0) {
      throw new IllegalStateException("an element of " + this + " is smaller than a byte");
    }
    return bytes;
  }

  /**
   * Returns the size of one matrix row in bytes.
   *
   * @throws ArithmeticException if it exceeds a long
   */
  public long rowBytes(long columns) {
    return this == I4
        ? Math.multiplyExact(Quantized.groups(columns), Quantized.BLOCK_BYTES)
        : Math.multiplyExact(columns, bytes());
  }

  /** Returns whether checkpoint files can contain this type. */
  public boolean isInFiles() {
    return this != I4;
  }

  /** Returns whether the elements are floating-point numbers. */
  public boolean isFloat() {
    return this == F64 || this == F32 || this == F16 || this == BF16;
  }
}
