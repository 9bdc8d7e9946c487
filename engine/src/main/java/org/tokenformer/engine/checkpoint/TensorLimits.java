package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/** What names may be and how much there may be, the same in reading and writing. */
final class TensorLimits {
  static final int MAX_TENSORS = 100_000;
  static final int MAX_NAME = 4096;

  /** As many as torch takes. */
  static final int MAX_RANK = 64;

  private TensorLimits() {}

  /** Refuses names that no writer can have meant: too long, or not encodable as UTF-8. */
  static void checkName(Path path, String name) throws CheckpointException {
    if (name.length() > MAX_NAME) {
      throw new CheckpointException(
          Kind.BAD_NAME,
          path,
          "name %s has %d characters, at most %d are allowed"
              .formatted(quote(name), name.length(), MAX_NAME));
    }
    // Pairs come out as one code point, so any surrogate that is left stands alone.
    if (name.codePoints().anyMatch(c -> c >= 0xd800 && c <= 0xdfff)) {
      throw new CheckpointException(
          Kind.BAD_NAME, path, "name %s has half of a surrogate pair".formatted(quote(name)));
    }
  }

  /** Refuses a list with a bad name, one that is given twice, or more than readers take. */
  static void checkAll(Path path, List<? extends TensorInfo> tensors) throws CheckpointException {
    if (tensors.size() > MAX_TENSORS) {
      throw new CheckpointException(
          Kind.LIMIT,
          path,
          "would have %d tensors, at most %d are allowed".formatted(tensors.size(), MAX_TENSORS));
    }
    Set<String> names = new HashSet<>();
    for (TensorInfo tensor : tensors) {
      checkName(path, tensor.name());
      if (tensor.shape().rank() > MAX_RANK) {
        throw new CheckpointException(
            Kind.LIMIT,
            path,
            "tensor %s has %d dimensions, at most %d are allowed"
                .formatted(quote(tensor.name()), tensor.shape().rank(), MAX_RANK));
      }
      if (!names.add(tensor.name())) {
        throw new CheckpointException(
            Kind.DUPLICATE_NAME, path, "tensor %s is given twice".formatted(quote(tensor.name())));
      }
    }
  }
}
