package org.tokenformer.engine.tensor;

/** The element types that tensors and checkpoint files have. All are little-endian. */
public enum DType {
  /** IEEE 754 binary64. */
  F64(8),
  /** IEEE 754 binary32, the type of all arithmetic. */
  F32(4),
  /** IEEE 754 binary16; read from files and widened, never computed with. */
  F16(2),
  /** The upper half of a binary32. */
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
  BOOL(1);

  private final int bytes;

  DType(int bytes) {
    this.bytes = bytes;
  }

  /** Size of one element in bytes. */
  public int bytes() {
    return bytes;
  }

  /** Whether elements are floating-point numbers. */
  public boolean isFloat() {
    return this == F64 || this == F32 || this == F16 || this == BF16;
  }
}
