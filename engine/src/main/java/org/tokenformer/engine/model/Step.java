package org.tokenformer.engine.model;

import java.util.List;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * What one pass through the blocks works with: which rows are in flight, and the activations that
 * the operations hand to each other. Allocated once for the most rows; a pass of fewer rows uses
 * views, which are kept, so that one token after the other allocates nothing.
 */
final class Step {
  /** Activations that it holds, (rows, C) each. */
  static final int TENSORS = 7;

  private final Backend backend;
  private final RotaryTable rotary;
  private final Tensor[] whole = new Tensor[TENSORS]; // (rows, C) each
  private final Tensor[] views = new Tensor[TENSORS];
  private int rows = -1;
  private List<Sequence> sequences = List.of();

  Step(Backend backend, MemoryScope scope, RotaryTable rotary, int rows, int channels) {
    this.backend = backend;
    this.rotary = rotary;
    for (int i = 0; i < whole.length; i++) {
      whole[i] = scope.allocate(DType.F32, Shape.of(rows, channels));
    }
  }

  /** Prepares a pass over the rows of these sequences. */
  void begin(List<Sequence> batch) {
    sequences = batch;
    int total = 0;
    for (int i = 0; i < batch.size(); i++) {
      total += batch.get(i).rows();
    }
    if (total != rows) {
      rows = total;
      for (int i = 0; i < whole.length; i++) {
        views[i] = whole[i].rows(0, total);
      }
    }
  }

  Backend backend() {
    return backend;
  }

  RotaryTable rotary() {
    return rotary;
  }

  List<Sequence> sequences() {
    return sequences;
  }

  /** The residual stream, (T, C). */
  Tensor x() {
    return views[0];
  }

  /** A normalised copy of it, (T, C). */
  Tensor normed() {
    return views[1];
  }

  Tensor query() {
    return views[2];
  }

  Tensor key() {
    return views[3];
  }

  Tensor value() {
    return views[4];
  }

  /** What attention found, before its projection, (T, C). */
  Tensor attended() {
    return views[5];
  }

  /** What a branch adds to the residual stream, (T, C). */
  Tensor branch() {
    return views[6];
  }
}
