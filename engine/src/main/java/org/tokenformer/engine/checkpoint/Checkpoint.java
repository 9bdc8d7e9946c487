package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.SequencedMap;

/**
 * An open file of named tensors. Everything was validated when it was opened; what is left to go
 * wrong is the file changing underneath, see {@link LoadMode}. May be used by many threads.
 */
public sealed interface Checkpoint extends AutoCloseable permits SafetensorsFile, TorchCheckpoint {
  /** The file, as it was named at opening. */
  Path path();

  /** All tensors by name, in the order of the file. Unmodifiable. */
  SequencedMap<String, NamedTensor> tensors();

  /**
   * One tensor.
   *
   * @throws CheckpointException of kind {@code MISSING_TENSOR} if there is none of this name
   */
  default NamedTensor tensor(String name) throws CheckpointException {
    NamedTensor tensor = tensors().get(name);
    if (tensor == null) {
      throw new CheckpointException(
          CheckpointException.Kind.MISSING_TENSOR,
          path(),
          "has no tensor %s among its %d; is this the right checkpoint?"
              .formatted(quote(name), tensors().size()));
    }
    return tensor;
  }

  /**
   * Frees the memory; the data of all tensors is gone. Closing twice does nothing.
   *
   * @throws IllegalStateException if another thread is inside an operation on the memory
   */
  @Override
  void close();
}
