package org.tokenformer.engine.train;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.PendingTensor;
import org.tokenformer.engine.tensor.Tensor;

/** Copies a backend's tensors to files, one at a time through a single buffer. */
final class Downloads implements AutoCloseable {
  private final Backend backend;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment buffer;

  /** Allocates a buffer for the largest of these tensors. */
  Downloads(Backend backend, SequencedMap<String, Tensor> tensors) {
    this.backend = backend;
    long largest = tensors.values().stream().mapToLong(Tensor::byteSize).max().orElse(0);
    buffer = arena.allocate(largest, 64);
  }

  /** Returns the tensors under their names with a prefix; each is downloaded when it is written. */
  List<PendingTensor> of(String prefix, SequencedMap<String, Tensor> tensors) {
    List<PendingTensor> pending = new ArrayList<>();
    for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
      Tensor tensor = entry.getValue();
      pending.add(
          new PendingTensor(
              prefix + entry.getKey(), tensor.dtype(), tensor.shape(), () -> download(tensor)));
    }
    return pending;
  }

  private MemorySegment download(Tensor tensor) {
    MemorySegment segment = buffer.asSlice(0, tensor.byteSize());
    backend.download(tensor, segment);
    return segment;
  }

  @Override
  public void close() {
    arena.close();
  }
}
