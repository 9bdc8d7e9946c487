package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/** Limits on names and counts, the same for reading and writing. */
final class TensorLimits {
  static final int MAX_TENSORS = 100_000;
  static final int MAX_NAME = 4096;

  /** The limit of torch. */
  static final int MAX_RANK = 64;

  private TensorLimits() {}

  /** Rejects names that no writer can have intended: too long, or not encodable as UTF-8. */
  static void checkName(Path path, String name) throws CheckpointException {
    if (name.length() > MAX_NAME) {
      throw new CheckpointException(
          Kind.BAD_NAME,
          path,
          "name %s has %d characters, but at most %d are allowed"
              .formatted(quote(name), name.length(), MAX_NAME));
    }
    // A surrogate pair is one code point, so any remaining surrogate is unpaired.
    if (name.codePoints().anyMatch(c -> c >= 0xd800 && c <= 0xdfff)) {
      throw new CheckpointException(
          Kind.BAD_NAME, path, "name %s has an unpaired surrogate".formatted(quote(name)));
    }
  }

  /** Rejects a list with a bad or duplicate name, or with more than readers accept. */
  static void checkAll(Path path, List<? extends TensorInfo> tensors) throws CheckpointException {
    if (tensors.size() > MAX_TENSORS) {
      throw new CheckpointException(
          Kind.LIMIT,
          path,
          "would have %d tensors, but at most %d are allowed"
              .formatted(tensors.size(), MAX_TENSORS));
    }
    Set<String> names = new HashSet<>();
    for (TensorInfo tensor : tensors) {
      checkName(path, tensor.name());
      if (tensor.shape().rank() > MAX_RANK) {
        throw new CheckpointException(
            Kind.LIMIT,
            path,
            "tensor %s has %d dimensions, but at most %d are allowed"
                .formatted(quote(tensor.name()), tensor.shape().rank(), MAX_RANK));
      }
      if (!names.add(tensor.name())) {
        throw new CheckpointException(
            Kind.DUPLICATE_NAME, path, "tensor %s is given twice".formatted(quote(tensor.name())));
      }
    }
  }
}
