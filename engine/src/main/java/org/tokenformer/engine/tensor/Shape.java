package org.tokenformer.engine.tensor;

import java.util.Arrays;

/** The sizes of a tensor's dimensions, outermost first. Immutable; an empty shape is a scalar. */
public final class Shape {
  private final long[] sizes;
  private final long elements;

  private Shape(long[] sizes) {
    long n = 1;
    for (long size : sizes) {
      if (size < 0) {
        throw new IllegalArgumentException("negative size in shape " + Arrays.toString(sizes));
      }
      try {
        n = Math.multiplyExact(n, size);
      } catch (ArithmeticException e) {
        throw new IllegalArgumentException("too many elements: " + Arrays.toString(sizes), e);
      }
    }
    this.sizes = sizes;
    this.elements = n;
  }

  /**
   * A shape of these sizes.
   *
   * @throws IllegalArgumentException if a size is negative or the product exceeds a long
   */
  public static Shape of(long... sizes) {
    return new Shape(sizes.clone());
  }

  /** Number of dimensions. */
  public int rank() {
    return sizes.length;
  }

  /** Size of one dimension, 0 the outermost. */
  public long size(int dimension) {
    return sizes[dimension];
  }

  /** The product of all sizes. */
  public long elements() {
    return elements;
  }

  /**
   * Bytes of this many elements of a type.
   *
   * @throws IllegalArgumentException if it exceeds a long
   */
  public long bytes(DType dtype) {
    if (elements == 0) {
      return 0;
    }
    try {
      long columns = sizes.length == 0 ? 1 : sizes[sizes.length - 1];
      return Math.multiplyExact(elements / columns, dtype.rowBytes(columns));
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException("too many bytes: " + this + " of " + dtype, e);
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Shape shape && Arrays.equals(sizes, shape.sizes);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(sizes);
  }

  /** As {@code (48, 64)}. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("(");
    for (int i = 0; i < sizes.length; i++) {
      text.append(i == 0 ? "" : ", ").append(sizes[i]);
    }
    return text.append(')').toString();
  }
}
