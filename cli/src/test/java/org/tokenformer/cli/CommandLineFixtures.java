package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.tokenformer.cli.CommandLineHarness.Result;

/** Models and texts for the commands' tests, and what a refusal looks like. */
final class CommandLineFixtures {
  private static final Path ROOT = Path.of(System.getProperty("project.root", ".."));

  private CommandLineFixtures() {}

  static Path testData(String name) {
    return ROOT.resolve("testdata").resolve(name).toAbsolutePath().normalize();
  }

  static Path golden(String name) {
    return testData("goldens").resolve(name);
  }

  /** A file that lies beside the project on some machines only; skips the test aloud without it. */
  static Path shared(String name) {
    Path file = ROOT.resolve("../shared").resolve(name).toAbsolutePath().normalize();
    if (!Files.exists(file)) {
      System.err.println("SKIPPED: this test needs ../shared/" + name);
      Assumptions.abort("needs ../shared/" + name);
    }
    return file;
  }

  static String[] importArguments(Path released, Path target) {
    return new String[] {
      "import",
      "--checkpoint",
      released.resolve("pytorch_model.bin").toString(),
      "--config",
      released.resolve("config.yml").toString(),
      "--tokenizer",
      released.resolve("tokenizer.json").toString(),
      "-o",
      target.toString()
    };
  }

  /** Imports a released folder. */
  static Path model(Path released, Path target) {
    Result result = CommandLineHarness.run(importArguments(released, target));
    assertEquals(0, result.code(), result.err());
    return target;
  }

  /** A small model of random weights: 512 rows, 500 ids, a context of 128. */
  static Path model(Path folder) {
    return model(golden("gelu-after-norm"), folder.resolve("model"));
  }

  /** Exit code 2, nothing on standard output, one line on standard error with all the parts. */
  static void assertRefused(List<String> parts, String... args) {
    assertRefused(parts, CommandLineHarness.run(args));
  }

  static void assertRefused(List<String> parts, Result result) {
    assertEquals(2, result.code(), result.err());
    assertEquals("", result.out());
    List<String> lines = result.errorLines();
    assertEquals(1, lines.size(), result.err());
    String line = lines.getFirst();
    assertTrue(line.startsWith("error: "), line);
    for (String part : parts) {
      assertTrue(line.contains(part), () -> "'" + part + "' is not in: " + line);
    }
  }

  /** Names of what a folder holds, sorted. */
  static List<String> content(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  /** A copy of a model to break. */
  static Path copy(Path model, Path target) throws IOException {
    Files.createDirectory(target);
    for (String name : content(model)) {
      Files.copy(model.resolve(name), target.resolve(name));
      boolean _ = target.resolve(name).toFile().setWritable(true);
    }
    return target;
  }
}
