package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The methods that Jazzer calls. Its option {@code --target_args} is "TARGET CORPUS_FOLDER". */
public final class JazzerEntry {
  private static @Nullable FuzzCase fuzzCase;

  private JazzerEntry() {}

  /** Creates the target and writes its seeds into the corpus. */
  public static void fuzzerInitialize(String[] args) throws IOException {
    FuzzTarget target = FuzzTargets.of(args[0]).create();
    Path corpus = Files.createDirectories(Path.of(args[1]));
    List<byte[]> seeds = target.seeds();
    for (int i = 0; i < seeds.size(); i++) {
      Files.write(corpus.resolve("seed-" + i), seeds.get(i));
    }
    fuzzCase = new FuzzCase(target);
  }

  /** Runs one input. */
  public static void fuzzerTestOneInput(byte[] input) {
    Objects.requireNonNull(fuzzCase).check(input);
  }
}
