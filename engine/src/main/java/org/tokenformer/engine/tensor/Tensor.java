package org.tokenformer.engine.tensor;

import org.jspecify.annotations.Nullable;

/**
 * A dense row-major array in a backend's memory. Immutable as a value, a view as a reference: two
 * tensors may share a buffer. Above the backend its elements are opaque.
 *
 * <p>A matrix of weights may be {@link Quantized}: its scales are a tensor of their own.
 */
public final class Tensor {
  private final Buffer buffer;
  private final long offset;
  private final DType dtype;
  private final Shape shape;
  private final long byteSize;
  private final @Nullable Tensor scales;

  /**
   * A view of a buffer.
   *
   * @param offset where the first element lies, in bytes
   * @throws IllegalArgumentException if the view does not lie inside the buffer
   */
  public Tensor(Buffer buffer, long offset, DType dtype, Shape shape) {
    this(buffer, offset, dtype, shape, null);
  }

  private Tensor(Buffer buffer, long offset, DType dtype, Shape shape, @Nullable Tensor scales) {
    this.byteSize = shape.bytes(dtype);
    if (offset < 0 || offset > buffer.byteSize() - byteSize) {
      throw new IllegalArgumentException(
          "tensor "
              + dtype
              + shape
              + " at byte "
              + offset
              + " does not fit into "
              + buffer.byteSize()
              + " bytes");
    }
    this.buffer = buffer;
    this.offset = offset;
    this.dtype = dtype;
    this.shape = shape;
    this.scales = scales;
  }

  /**
   * The same elements with what they are multiplied by.
   *
   * @param factors F32 (rows, {@linkplain Quantized#groups groups of a row})
   * @throws IllegalArgumentException if the shapes or types do not fit each other
   */
  public Tensor withScales(Tensor factors) {
    if (!Quantized.is(dtype)
        || shape.rank() != 2
        || factors.dtype() != DType.F32
        || !factors.shape().equals(Shape.of(rows(), Quantized.groups(columns())))) {
      throw new IllegalArgumentException("scales " + factors + " of " + this);
    }
    return new Tensor(buffer, offset, dtype, shape, factors);
  }

  /** What the elements of a {@link Quantized} matrix are multiplied by; null for others. */
  public @Nullable Tensor scales() {
    return scales;
  }

  /** Where it lives. */
  public Buffer buffer() {
    return buffer;
  }

  /** Where its first element lies in the buffer, in bytes. */
  public long offset() {
    return offset;
  }

  /** Element type. */
  public DType dtype() {
    return dtype;
  }

  /** Sizes. */
  public Shape shape() {
    return shape;
  }

  /** Size of the elements in bytes. */
  public long byteSize() {
    return byteSize;
  }

  /** Size of elements and scales in bytes. */
  public long totalBytes() {
    return scales == null ? byteSize : byteSize + scales.byteSize;
  }

  /** The outermost size. */
  public long rows() {
    return shape.size(0);
  }

  /** Elements of one row: the product of all sizes but the outermost. */
  public long columns() {
    long n = 1;
    for (int i = 1; i < shape.rank(); i++) {
      n *= shape.size(i);
    }
    return n;
  }

  /**
   * A view of some rows of a matrix.
   *
   * @throws IndexOutOfBoundsException if the rows are not all there
   */
  public Tensor rows(long from, long count) {
    if (from < 0 || count < 0 || from > rows() - count) {
      throw new IndexOutOfBoundsException(
          "rows " + from + " to " + (from + count) + " of tensor " + this);
    }
    long first = offset + from * dtype.rowBytes(columns());
    Tensor theirs = scales == null ? null : scales.rows(from, count);
    return new Tensor(buffer, first, dtype, Shape.of(count, columns()), theirs);
  }

  /** The first elements in another shape: {@link #view(long, Shape)} from 0 on. */
  public Tensor view(Shape other) {
    return view(0, other);
  }

  /**
   * Consecutive elements, in memory order, in a shape of their own.
   *
   * @param first how many elements are left out before them
   * @param other its elements may be fewer than those that are left
   * @throws IndexOutOfBoundsException if the elements are not all there
   * @throws IllegalArgumentException if the type is {@link Quantized}, whose groups belong to rows
   */
  public Tensor view(long first, Shape other) {
    if (Quantized.is(dtype)) {
      throw new IllegalArgumentException(
          "tensor " + this + " is quantised in groups of its rows; view must not reshape it");
    }
    if (first < 0 || first > shape.elements() - other.elements()) {
      throw new IndexOutOfBoundsException(
          "view " + other + " from element " + first + " is not inside tensor " + this);
    }
    return new Tensor(buffer, offset + first * dtype.bytes(), dtype, other);
  }

  /** As {@code F32(48, 64)}. */
  @Override
  public String toString() {
    return dtype + shape.toString();
  }
}
