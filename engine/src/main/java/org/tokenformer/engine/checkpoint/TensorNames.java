package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/** What names may be and how many, the same in reading and writing. */
final class TensorNames {
  static final int MAX_TENSORS = 100_000;
  static final int MAX_LENGTH = 4096;

  private TensorNames() {}

  /** Refuses names that no writer can have meant: too long, or not encodable as UTF-8. */
  static void check(Path path, String name) throws CheckpointException {
    if (name.length() > MAX_LENGTH) {
      throw new CheckpointException(
          Kind.BAD_NAME,
          path,
          "name %s has %d characters, at most %d are allowed"
              .formatted(quote(name), name.length(), MAX_LENGTH));
    }
    // Pairs come out as one code point, so any surrogate that is left stands alone.
    if (name.codePoints().anyMatch(c -> c >= 0xd800 && c <= 0xdfff)) {
      throw new CheckpointException(
          Kind.BAD_NAME, path, "name %s has half of a surrogate pair".formatted(quote(name)));
    }
  }

  /** Refuses a list with a bad name, one that is given twice, or more than a reader takes. */
  static void checkAll(Path path, List<NamedTensor> tensors) throws CheckpointException {
    if (tensors.size() > MAX_TENSORS) {
      throw new CheckpointException(
          Kind.LIMIT,
          path,
          "would have %d tensors, at most %d are allowed".formatted(tensors.size(), MAX_TENSORS));
    }
    Set<String> names = new HashSet<>();
    for (NamedTensor tensor : tensors) {
      check(path, tensor.name());
      if (!names.add(tensor.name())) {
        throw new CheckpointException(
            Kind.DUPLICATE_NAME, path, "tensor %s is given twice".formatted(quote(tensor.name())));
      }
    }
  }
}
