package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.tokenformer.cli.CommandLineHarness.Result;

/** The model that comes with the program. */
final class StorytellerTest {
  private static final Path FOLDER =
      Path.of(System.getProperty("project.root", ".."), "cli", "src", "main", "storyteller");
  private static final long MAX_BYTES = 18_000_000;

  @Test
  void isSmallAndHasACard() throws IOException {
    try (Stream<Path> files = Files.list(FOLDER)) {
      List<Path> all = files.sorted().toList();
      assertEquals(
          List.of("README.md", "config.json", "model.safetensors", "tokenizer.json"),
          all.stream().map(file -> file.getFileName().toString()).toList());
      long bytes = 0;
      for (Path file : all) {
        bytes += Files.size(file);
      }
      assertTrue(bytes <= MAX_BYTES, bytes + " bytes");
    }
  }

  @Test
  void tellsTheSameTaleForTheSameSeed() {
    String[] args = {
      "generate", "-m", FOLDER.toString(), "Once upon a time", "--max-tokens", "40", "--seed", "1"
    };
    Result result = CommandLineHarness.run(args);
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().startsWith("Once upon a time"), result.out());
    long words = result.out().split("\\W+").length;
    assertTrue(words > 15, words + " words: " + result.out());
    assertEquals(result.out(), CommandLineHarness.run(args).out());
  }

  @Test
  void isTheDefaultOfCommandsThatReadAModel() throws Exception {
    List<String> jvm = List.of("-Dtokenformer.default.model=" + FOLDER.toAbsolutePath());
    Result inspected = CommandLineHarness.runInOwnJava(jvm, "inspect");
    assertEquals(0, inspected.code(), inspected.err());
    assertTrue(inspected.out().contains("8.1M parameters"), inspected.out());
    assertEquals(0, CommandLineHarness.runInOwnJava(jvm, "tokenize").code());
    CommandLineFixtures.assertRefused( // it was grown
        List.of("storyteller: τ = ", "--init split", "--init released"),
        CommandLineHarness.runInOwnJava(jvm, "export", "-o", "none"));
  }
}
