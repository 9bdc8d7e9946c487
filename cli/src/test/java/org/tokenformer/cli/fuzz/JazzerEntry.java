package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.fuzz.FuzzCase.LimitError;

/**
 * The methods that Jazzer calls. Its option {@code --target_args} is the folder of a target, named
 * as it, with {@code corpus} and {@code suspects}.
 */
public final class JazzerEntry {
  private static final int MAX_SUSPECTS = 1000;

  private static @Nullable FuzzCase fuzzCase;
  private static Path suspects = Path.of("");
  private static int suspectCount;

  private JazzerEntry() {}

  /** Creates the target and writes its seeds into the corpus. */
  public static void fuzzerInitialize(String[] args) throws IOException {
    Path folder = Path.of(args[0]);
    FuzzTarget target = FuzzTargets.of(String.valueOf(folder.getFileName())).create();
    Path corpus = Files.createDirectories(folder.resolve("corpus"));
    suspects = Files.createDirectories(folder.resolve("suspects"));
    List<byte[]> seeds = target.seeds();
    for (int i = 0; i < seeds.size(); i++) {
      Files.write(corpus.resolve("seed-" + i), seeds.get(i));
    }
    fuzzCase = new FuzzCase(target);
  }

  /**
   * Runs one input. Jazzer's own code takes time and memory too, so inputs that exceed a limit are
   * only kept, for {@link FuzzReplay} to repeat without it.
   */
  public static void fuzzerTestOneInput(byte[] input) throws IOException {
    try {
      Objects.requireNonNull(fuzzCase).check(input);
    } catch (LimitError e) {
      if (suspectCount++ < MAX_SUSPECTS) {
        Files.write(suspects.resolve(Integer.toHexString(Arrays.hashCode(input))), input);
      }
    }
  }
}
