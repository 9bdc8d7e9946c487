package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.SequencedMap;

/**
 * An open file of named tensors. Opening validates names, types, shapes and bounds; afterwards only
 * a change of the file itself can cause errors, see {@link LoadMode}. Safe for use by many threads.
 */
public sealed interface Checkpoint extends AutoCloseable permits SafetensorsFile, TorchCheckpoint {
  /** Returns the path under which the file was opened. */
  Path path();

  /** Returns all tensors by name, in the order of the file. Unmodifiable. */
  SequencedMap<String, NamedTensor> tensors();

  /**
   * Returns one tensor.
   *
   * @throws CheckpointException of kind {@code MISSING_TENSOR} if no tensor has this name
   */
  default NamedTensor tensor(String name) throws CheckpointException {
    NamedTensor tensor = tensors().get(name);
    if (tensor == null) {
      throw new CheckpointException(
          CheckpointException.Kind.MISSING_TENSOR,
          path(),
          "has no tensor %s among its %d tensors; check that this is the right checkpoint"
              .formatted(quote(name), tensors().size()));
    }
    return tensor;
  }

  /**
   * Frees the memory; the data of all tensors becomes inaccessible. Closing twice has no effect.
   *
   * @throws IllegalStateException if another thread is accessing the memory
   */
  @Override
  void close();
}
