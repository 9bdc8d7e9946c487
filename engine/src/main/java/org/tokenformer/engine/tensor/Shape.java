package org.tokenformer.engine.tensor;

import java.util.Arrays;

/**
 * The sizes of a tensor's dimensions, outermost first. Immutable; an empty shape is that of a
 * scalar.
 */
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
   * Returns a shape of these sizes.
   *
   * @throws IllegalArgumentException if a size is negative or the product exceeds a long
   */
  public static Shape of(long... sizes) {
    return new Shape(sizes.clone());
  }

  /** Returns the number of dimensions. */
  public int rank() {
    return sizes.length;
  }

  /** Returns the size of one dimension; 0 is the outermost. */
  public long size(int dimension) {
    return sizes[dimension];
  }

  /** Returns the product of all sizes. */
  public long elements() {
    return elements;
  }

  /**
   * Returns the size in bytes of a tensor of this shape and the given type.
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

  /** Returns the sizes in parentheses, for example {@code (48, 64)}. */
  @Override
  public String toString() {
    StringBuilder text = new StringBuilder("(");
    for (int i = 0; i < sizes.length; i++) {
      text.append(i == 0 ? "" : ", ").append(sizes[i]);
    }
    return text.append(')').toString();
  }
}
