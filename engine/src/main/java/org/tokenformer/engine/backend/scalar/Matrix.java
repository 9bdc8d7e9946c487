package org.tokenformer.engine.backend.scalar;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Quantized;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Access to the elements of a tensor by row and column: F32, BF16, or quantised weights, which are
 * read-only.
 */
record Matrix(
    MemorySegment data, DType dtype, int rows, int columns, @Nullable MemorySegment scales) {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  static Matrix of(Tensor tensor) {
    return new Matrix(
        HostBuffer.segmentOf(tensor),
        tensor.dtype(),
        Math.toIntExact(tensor.rows()),
        Math.toIntExact(tensor.columns()),
        tensor.scales() == null ? null : HostBuffer.segmentOf(tensor.scales()));
  }

  double get(long row, long column) {
    long index = row * columns + column;
    return switch (dtype) {
      case BF16 -> Float.intBitsToFloat(data.getAtIndex(SHORT, index) << 16);
      case I8 -> scale(row, column) * data.get(ValueLayout.JAVA_BYTE, index);
      case I4 -> {
        long block =
            (row * Quantized.groups(columns) + column / Quantized.GROUP) * Quantized.BLOCK_BYTES;
        int ints = Quantized.BLOCK_INTS;
        int packed = data.get(INT, block + column % ints * Integer.BYTES);
        int shift = (int) (column % Quantized.GROUP / ints) * 4;
        yield scale(row, column) * (packed << (28 - shift) >> 28);
      }
      default -> data.getAtIndex(FLOAT, index);
    };
  }

  private double scale(long row, long column) {
    long index = row * Quantized.groups(columns) + column / Quantized.GROUP;
    return Objects.requireNonNull(scales).getAtIndex(FLOAT, index);
  }

  void set(long row, long column, double value) {
    long index = row * columns + column;
    if (dtype == DType.BF16) {
      data.setAtIndex(SHORT, index, roundToBf16((float) value));
    } else {
      data.setAtIndex(FLOAT, index, (float) value);
    }
  }

  void add(long row, long column, double value) {
    set(row, column, get(row, column) + value);
  }

  double[] row(int row) {
    return block(row, 1, 0, columns)[0];
  }

  double[][] all() {
    return block(0, rows, 0, columns);
  }

  /** Returns some columns of some rows. */
  double[][] block(int firstRow, int rows, int firstColumn, int columns) {
    double[][] block = new double[rows][columns];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        block[r][c] = get(firstRow + r, firstColumn + c);
      }
    }
    return block;
  }

  void addBlock(int firstRow, int firstColumn, double[][] block) {
    for (int r = 0; r < block.length; r++) {
      for (int c = 0; c < block[r].length; c++) {
        add(firstRow + r, firstColumn + c, block[r][c]);
      }
    }
  }

  /** Rounds to nearest, ties to even; NaN stays NaN. */
  private static short roundToBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    return Float.isNaN(value)
        ? (short) (bits >>> 16 | 0x40)
        : (short) ((bits + 0x7FFF + (bits >>> 16 & 1)) >>> 16);
  }
}
