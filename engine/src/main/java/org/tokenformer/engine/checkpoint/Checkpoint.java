package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.SequencedMap;

/**
 * An open set of named tensors, in one file or several. Opening validates names, types, shapes and
 * bounds; afterwards only a change of the files themselves can cause errors, see {@link LoadMode}.
 * Loading is for one thread at a time, loaded tensors are for any.
 */
public sealed interface Checkpoint extends AutoCloseable
    permits SafetensorsFile, TorchCheckpoint, ShardedCheckpoint {
  /**
   * Opens a checkpoint in any form that is supported: a file of {@code torch.save} or safetensors,
   * an index of shards, one of the shards, a folder of those, or a folder of the files that
   * DeepSpeed writes for each layer.
   *
   * @throws CheckpointException that names what the file is, if it is known to be something else
   */
  static Checkpoint open(Path path) throws CheckpointException {
    return CheckpointFinder.open(path);
  }

  /** Returns the path under which the checkpoint was opened, or the file that was chosen in it. */
  Path path();

  /** Returns names, types and shapes, in the order of the files. Unmodifiable. */
  SequencedMap<String, ? extends TensorInfo> index();

  /**
   * Returns these tensors. Data that the file has in another form, such as compressed or
   * transposed, is copied into memory that this checkpoint owns; a small file may describe any
   * amount of it, so first compare the shapes with those expected. In torch files, the data is
   * compared with its checksums.
   *
   * @throws CheckpointException of kind {@code MISSING_TENSOR} if there is no tensor of a name; of
   *     kind {@code LIMIT} if the memory needed exceeds five times the size of these tensors
   */
  SequencedMap<String, NamedTensor> load(Collection<String> names) throws CheckpointException;

  /** Returns all tensors; copies are limited to four times the size of the file. */
  SequencedMap<String, NamedTensor> tensors() throws CheckpointException;

  /**
   * Returns notes for the user about how the tensors were found, one line each; for example the key
   * of a dict in the file.
   */
  List<String> notes();

  /**
   * Returns one tensor.
   *
   * @throws CheckpointException of kind {@code MISSING_TENSOR} if no tensor has this name
   */
  default NamedTensor tensor(String name) throws CheckpointException {
    return load(List.of(name)).firstEntry().getValue();
  }

  /** Returns the description of a tensor, or fails as {@link #load} does. */
  default TensorInfo info(String name) throws CheckpointException {
    TensorInfo info = index().get(name);
    if (info == null) {
      throw new CheckpointException(
          CheckpointException.Kind.MISSING_TENSOR,
          path(),
          "has no tensor %s among its %d tensors; check that this is the right checkpoint"
              .formatted(quote(name), index().size()));
    }
    return info;
  }

  /**
   * Frees the memory; the data of all tensors becomes inaccessible. Closing twice has no effect.
   *
   * @throws IllegalStateException if another thread is accessing the memory
   */
  @Override
  void close();
}
