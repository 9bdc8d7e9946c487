package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.tokenizer.dataset.TokenDataset;

/** A dataset: an Arrow IPC file or stream. */
final class ArrowTarget implements FuzzTarget {
  private final Path file;

  ArrowTarget(Path scratch) {
    file = scratch.resolve("x.arrow");
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    Files.write(file, bytes);
    TokenDataset.isDataset(file);
    try (TokenDataset dataset = TokenDataset.open(file)) {
      dataset.requireIdsBelow(Integer.MAX_VALUE);
      int[] ids = new int[100];
      for (long from = 0; from < dataset.size(); from += ids.length) {
        dataset.read(from, ids, 0, (int) Math.min(ids.length, dataset.size() - from));
      }
    }
  }

  @Override
  public List<byte[]> seeds() throws IOException {
    return Samples.files(
        "dataset",
        "file-large-list-int32.arrow",
        "file-list-int64.arrow",
        "stream-huggingface.arrow",
        "stream-large-list-int64.arrow",
        "stream-list-int32.arrow",
        "stream-v4.arrow");
  }
}
