package org.tokenformer.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.tokenformer.engine.checkpoint.PickleValue.Tensor;

/** Copies a strided view, whose bounds have been checked, into row-major memory without gaps. */
final class StridedCopy {
  private StridedCopy() {}

  /**
   * Copies all elements.
   *
   * @param source the view's storage
   * @param target shape.elements × element size bytes
   */
  static void copy(MemorySegment source, Tensor view, MemorySegment target) {
    int last = view.sizes.length - 1;
    int width = view.storage.dtype().bytes();
    long rowSize = view.sizes[last];
    long rowStride = view.strides[last];
    long[] index = new long[last];
    long at = 0;
    while (at < target.byteSize()) {
      long start = view.offset;
      for (int i = 0; i < last; i++) {
        start += index[i] * view.strides[i];
      }
      copyRow(source, start * width, rowStride * width, target, at, rowSize, width);
      at += rowSize * width;
      advance(index, view.sizes);
    }
  }

  /** Advances to the next row in row-major order. */
  private static void advance(long[] index, long[] sizes) {
    for (int i = index.length - 1; i >= 0; i--) {
      if (++index[i] < sizes[i]) {
        return;
      }
      index[i] = 0;
    }
  }

  private static void copyRow(
      MemorySegment source,
      long from,
      long step,
      MemorySegment target,
      long to,
      long count,
      int width) {
    if (step == width) {
      MemorySegment.copy(source, from, target, to, count * width);
      return;
    }
    for (long i = 0; i < count; i++) {
      long s = from + i * step;
      long t = to + i * width;
      switch (width) {
        case 1 -> target.set(ValueLayout.JAVA_BYTE, t, source.get(ValueLayout.JAVA_BYTE, s));
        case 2 -> target.set(Segments.SHORT, t, source.get(Segments.SHORT, s));
        case 4 -> target.set(Segments.INT, t, source.get(Segments.INT, s));
        default -> target.set(Segments.LONG, t, source.get(Segments.LONG, s));
      }
    }
  }
}
