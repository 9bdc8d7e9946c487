package org.tokenformer.cli.fuzz;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
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
    for (Map.Entry<String, byte[]> input : inputs(FOUND.resolve(which.id())).entrySet()) {
      try {
        fuzzCase.check(input.getValue());
      } catch (AssertionError e) {
        throw new AssertionError(which.id() + "/" + input.getKey() + ": " + e.getMessage(), e);
      }
    }
  }

  /** Returns the files of a folder and the entries of its archives. */
  private static Map<String, byte[]> inputs(Path folder) throws IOException {
    Map<String, byte[]> inputs = new TreeMap<>();
    if (!Files.isDirectory(folder)) { // no campaign of this target has kept anything yet
      return inputs;
    }
    try (var files = Files.list(folder)) {
      for (Path file : files.toList()) {
        if (file.toString().endsWith(".zip")) {
          try (ZipFile zip = new ZipFile(file.toFile())) {
            for (ZipEntry entry : Collections.list(zip.entries())) {
              inputs.put(entry.getName(), zip.getInputStream(entry).readAllBytes());
            }
          }
        } else {
          inputs.put(String.valueOf(file.getFileName()), Files.readAllBytes(file));
        }
      }
    }
    return inputs;
  }
}
