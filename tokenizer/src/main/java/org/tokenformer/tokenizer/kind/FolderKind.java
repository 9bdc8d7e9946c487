package org.tokenformer.tokenizer.kind;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Says what a folder is that is named in place of a file. */
public final class FolderKind {
  private FolderKind() {}

  /** Returns what it is, with a verb, and what to do. */
  public static String describe(Path folder) throws IOException {
    if (Files.exists(folder.resolve("dataset_dict.json"))) {
      return "is a folder of datasets written by save_to_disk; name the files data-*.arrow in one"
          + " of its folders";
    }
    if (Files.exists(folder.resolve("dataset_info.json"))
        || Files.exists(folder.resolve("state.json"))) {
      return "is a dataset folder written by save_to_disk; name its files data-*.arrow if they have"
          + " a column input_ids, or write its texts to a text file first (docs/datasets.md shows"
          + " how)";
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.anyMatch(file -> file.toString().endsWith(".parquet"))
          ? "is a folder of Parquet files; write their texts to a text file first"
              + " (docs/datasets.md shows how)"
          : "is a folder; name the files in it";
    }
  }
}
