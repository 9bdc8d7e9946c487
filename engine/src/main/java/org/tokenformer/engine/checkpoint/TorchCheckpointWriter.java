package org.tokenformer.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/** Writes checkpoints that {@code torch.load(path, weights_only=True)} opens. */
public final class TorchCheckpointWriter {
  private TorchCheckpointWriter() {}

  /**
   * Writes a file atomically (see {@link AtomicFiles}): an OrderedDict of contiguous tensors, each
   * with its own storage, in the given order.
   *
   * @throws CheckpointException for a duplicate, too long or invalid name; if a reader's limits are
   *     exceeded; if the system refuses to write
   */
  public static void write(Path target, List<NamedTensor> tensors) throws CheckpointException {
    AtomicFiles.write(target, writer(target, tensors));
  }

  /** Returns a writer, after every check that is possible before the first byte is written. */
  static AtomicFiles.Writer writer(Path target, List<NamedTensor> tensors)
      throws CheckpointException {
    TensorLimits.checkAll(target, tensors);
    List<NamedTensor> all = List.copyOf(tensors);
    byte[] pickle = PickleWriter.stateDict(all);
    if (pickle.length > PickleMachine.MAX_BYTES) {
      throw new CheckpointException(
          Kind.LIMIT,
          target,
          "names and shapes need %d bytes, but at most %d are allowed; write fewer tensors"
              .formatted(pickle.length, PickleMachine.MAX_BYTES));
    }
    return out -> {
      ZipWriter zip = new ZipWriter(out);
      zip.add("archive/data.pkl", MemorySegment.ofArray(pickle));
      zip.add("archive/byteorder", text("little"));
      for (int i = 0; i < all.size(); i++) {
        zip.add("archive/data/" + i, all.get(i).data());
      }
      zip.add("archive/version", text("3\n"));
      zip.finish();
    };
  }

  private static MemorySegment text(String ascii) {
    return MemorySegment.ofArray(ascii.getBytes(StandardCharsets.US_ASCII));
  }
}
