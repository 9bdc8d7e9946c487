package org.tokenformer.engine.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

final class TensorTest {
  private record Bytes(long byteSize) implements Buffer {
    @Override
    public boolean isAlive() {
      return true;
    }

    @Override
    public boolean isReadOnly() {
      return false;
    }
  }

  // Other tensors may use the bytes before and after it.
  private final Tensor whole = new Tensor(new Bytes(1000), 64, DType.F32, Shape.of(6, 4));

  private static void isView(long offset, DType dtype, Shape shape, Tensor view) {
    assertEquals(offset, view.offset());
    assertEquals(dtype, view.dtype());
    assertEquals(shape, view.shape());
    assertEquals(shape.bytes(dtype), view.byteSize());
  }

  @Test
  void viewsAreOfTheSameMemory() {
    isView(64, DType.F32, Shape.of(24), whole.view(Shape.of(24)));
    isView(64, DType.F32, Shape.of(2, 3, 4), whole.view(Shape.of(2, 3, 4)));
    isView(64, DType.F32, Shape.of(5), whole.view(Shape.of(5)));
    isView(64, DType.F32, Shape.of(), whole.view(Shape.of()));
    isView(64 + 5 * 4, DType.F32, Shape.of(19), whole.view(5, Shape.of(19)));
    isView(64 + 24 * 4, DType.F32, Shape.of(0, 3), whole.view(24, Shape.of(0, 3)));
    assertSame(whole.buffer(), whole.view(1, Shape.of(2)).buffer());
    Tensor halves = new Tensor(new Bytes(1000), 10, DType.BF16, Shape.of(8));
    isView(10 + 3 * 2, DType.BF16, Shape.of(5, 1), halves.view(3, Shape.of(5, 1)));
    isView(10 + 5 * 2, DType.BF16, Shape.of(2), halves.view(3, Shape.of(5)).view(2, Shape.of(2)));
  }

  @Test
  void viewsStayInsideTheTensorNotOnlyInsideItsBuffer() {
    refused("(25) from element 0", 0, Shape.of(25));
    refused("(5, 5) from element 0", 0, Shape.of(5, 5));
    refused("(24) from element 1", 1, Shape.of(24));
    refused("() from element 24", 24, Shape.of());
    refused("(0) from element 25", 25, Shape.of(0));
    refused("(1) from element -1", -1, Shape.of(1));
    refused("from element " + Long.MAX_VALUE, Long.MAX_VALUE, Shape.of(2));
    refused("from element " + Long.MIN_VALUE, Long.MIN_VALUE, Shape.of(2));
    refused("(" + Long.MAX_VALUE + ") from element 1", 1, Shape.of(Long.MAX_VALUE));
  }

  private void refused(String what, long first, Shape shape) {
    var e = assertThrows(IndexOutOfBoundsException.class, () -> whole.view(first, shape));
    assertTrue(String.valueOf(e.getMessage()).contains(what), e.getMessage());
    assertTrue(String.valueOf(e.getMessage()).contains("F32(6, 4)"), e.getMessage());
  }

  @Test
  void quantisedMatricesAreNotReshaped() {
    Tensor scales = new Tensor(new Bytes(1000), 0, DType.F32, Shape.of(2, 1));
    for (DType dtype : new DType[] {DType.I8, DType.I4}) {
      Tensor matrix = new Tensor(new Bytes(1000), 0, dtype, Shape.of(2, 128)).withScales(scales);
      assertThrows(IllegalArgumentException.class, () -> matrix.view(Shape.of(256)));
      assertThrows(IllegalArgumentException.class, () -> matrix.view(0, Shape.of(1, 128)));
    }
  }
}
