package org.tokenformer.engine.tensor;

import org.jspecify.annotations.Nullable;

/**
 * A dense row-major array in a backend's memory. A tensor is an immutable view: several may share a
 * buffer. Only the backend accesses the elements.
 *
 * <p>A weight matrix may be {@link Quantized}; its scales are a separate tensor.
 */
public final class Tensor {
  private final Buffer buffer;
  private final long offset;
  private final DType dtype;
  private final Shape shape;
  private final long byteSize;
  private final @Nullable Tensor scales;

  /**
   * Creates a view of a buffer.
   *
   * @param offset of the first element, in bytes
   * @throws IllegalArgumentException if the view is not inside the buffer
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
              + " does not fit into a buffer of "
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
   * Returns a view of the same elements with scales, which multiply them.
   *
   * @param factors F32 (rows, {@linkplain Quantized#groups groups of a row})
   * @throws IllegalArgumentException if the shapes or types do not match
   */
  public Tensor withScales(Tensor factors) {
    if (!Quantized.is(dtype)
        || shape.rank() != 2
        || factors.dtype() != DType.F32
        || !factors.shape().equals(Shape.of(rows(), Quantized.groups(columns())))) {
      throw new IllegalArgumentException("scales " + factors + " do not match tensor " + this);
    }
    return new Tensor(buffer, offset, dtype, shape, factors);
  }

  /** Returns the scales of a {@link Quantized} matrix; null for other tensors. */
  public @Nullable Tensor scales() {
    return scales;
  }

  /** Returns the buffer that holds the elements. */
  public Buffer buffer() {
    return buffer;
  }

  /** Returns the offset of the first element in the buffer, in bytes. */
  public long offset() {
    return offset;
  }

  /** Returns the element type. */
  public DType dtype() {
    return dtype;
  }

  /** Returns the shape. */
  public Shape shape() {
    return shape;
  }

  /** Returns the size of the elements in bytes. */
  public long byteSize() {
    return byteSize;
  }

  /** Returns the size of elements and scales in bytes. */
  public long totalBytes() {
    return scales == null ? byteSize : byteSize + scales.byteSize;
  }

  /** Returns the size of the outermost dimension. */
  public long rows() {
    return shape.size(0);
  }

  /** Returns the elements per row: the product of all sizes but the outermost. */
  public long columns() {
    long n = 1;
    for (int i = 1; i < shape.rank(); i++) {
      n *= shape.size(i);
    }
    return n;
  }

  /**
   * Returns a view of consecutive rows of a matrix.
   *
   * @throws IndexOutOfBoundsException if a row is outside the matrix
   */
  public Tensor rows(long from, long count) {
    if (from < 0 || count < 0 || from > rows() - count) {
      throw new IndexOutOfBoundsException(
          count + " rows from row " + from + " are not inside tensor " + this);
    }
    long first = offset + from * dtype.rowBytes(columns());
    Tensor rowScales = scales == null ? null : scales.rows(from, count);
    return new Tensor(buffer, first, dtype, Shape.of(count, columns()), rowScales);
  }

  /** Returns a view of the first elements in another shape: {@link #view(long, Shape)} from 0. */
  public Tensor view(Shape other) {
    return view(0, other);
  }

  /**
   * Returns a view of consecutive elements, in memory order, in another shape.
   *
   * @param first index of the first element of the view
   * @param other may have fewer elements than remain
   * @throws IndexOutOfBoundsException if an element is outside the tensor
   * @throws IllegalArgumentException if the type is {@link Quantized}, whose groups belong to rows
   */
  public Tensor view(long first, Shape other) {
    if (Quantized.is(dtype)) {
      throw new IllegalArgumentException(
          "tensor " + this + " is quantised in groups within rows and cannot be reshaped");
    }
    if (first < 0 || first > shape.elements() - other.elements()) {
      throw new IndexOutOfBoundsException(
          "view " + other + " from element " + first + " is not inside tensor " + this);
    }
    return new Tensor(buffer, offset + first * dtype.bytes(), dtype, other);
  }

  /** Returns type and shape, for example {@code F32(48, 64)}. */
  @Override
  public String toString() {
    return dtype + shape.toString();
  }
}
