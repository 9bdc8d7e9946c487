package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.tokenformer.cli.CommandLineHarness.Result;

/** Runs of a model that learns in a second. */
final class TrainFixtures {
  static final Path TOKENIZER =
      CommandLineFixtures.golden("gelu-after-norm").resolve("tokenizer.json");
  static final int CONTEXT = 32;

  private static final String[] WHO = {"king", "youth", "daughter", "fox", "old woman"};
  private static final String[] WHAT = {"went into the forest", "had nothing to eat", "was sad"};

  private TrainFixtures() {}

  /** Some kilobytes of text; the same for the same seed. */
  static Path tales(Path file, int sentences, long seed) throws IOException {
    Random random = new Random(seed);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < sentences; i++) {
      String who = WHO[random.nextInt(WHO.length)];
      text.append("There was a %s who %s.\n".formatted(who, WHAT[random.nextInt(WHAT.length)]));
      if (random.nextInt(8) == 0) {
        text.append("<|endoftext|>\n");
      }
    }
    return Files.writeString(file, text);
  }

  /** What a run of a new model is asked for, 8 steps by default; what follows may change it. */
  static List<String> newModel(Path data, Path folder, Object... more) {
    List<String> arguments =
        new ArrayList<>(List.of("train", "--data", data.toString(), "-o", folder.toString()));
    arguments.addAll(List.of("-t", TOKENIZER.toString(), "--layers", "2", "--hidden", "32"));
    arguments.addAll(List.of("--heads", "2", "--context", "" + CONTEXT, "--lr", "0.01"));
    for (Object argument : more) {
      arguments.add(argument.toString());
    }
    return arguments;
  }

  /** Runs it quietly and expects it to end well. */
  static Path train(List<String> arguments) {
    Result result = run(arguments);
    assertEquals(0, result.code(), result.err());
    return Path.of(arguments.get(arguments.indexOf("-o") + 1));
  }

  static Result run(List<String> arguments) {
    List<String> quietly = new ArrayList<>(arguments);
    quietly.add("--quiet");
    return CommandLineHarness.run(quietly.toArray(String[]::new));
  }
}
