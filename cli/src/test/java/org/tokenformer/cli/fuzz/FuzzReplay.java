package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Repeats inputs without Jazzer: {@code FuzzReplay TARGET FOLDER}. */
public final class FuzzReplay {
  private FuzzReplay() {}

  /** Prints a line for each input for which something does not hold, and deletes the others. */
  public static void main(String[] args) throws IOException {
    FuzzCase fuzzCase = new FuzzCase(FuzzTargets.of(args[0]).create());
    try (var files = Files.list(Path.of(args[1]))) {
      for (Path file : files.sorted().toList()) {
        try {
          fuzzCase.check(Files.readAllBytes(file));
          Files.delete(file);
        } catch (AssertionError e) {
          System.out.println(file + ": " + e.getMessage());
        }
      }
    }
  }
}
