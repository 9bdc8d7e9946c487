package org.tokenformer.cli.fuzz;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Repeats the inputs that campaigns found, and the seeds, without Jazzer. */
class FuzzReplayTest {
  private static final Path FOUND = Path.of(System.getProperty("project.root"), "testdata/fuzz");

  @ParameterizedTest
  @EnumSource
  void everyInputIsReadOrRejected(FuzzTargets which) throws IOException {
    FuzzTarget target = which.create();
    FuzzCase fuzzCase = new FuzzCase(target);
    for (byte[] seed : target.seeds()) {
      assertTrue(fuzzCase.check(seed), "a seed is rejected");
    }
    for (Path file : files(FOUND.resolve(which.id()))) {
      try {
        fuzzCase.check(Files.readAllBytes(file));
      } catch (AssertionError e) {
        throw new AssertionError(file + ": " + e.getMessage(), e);
      }
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }
}
