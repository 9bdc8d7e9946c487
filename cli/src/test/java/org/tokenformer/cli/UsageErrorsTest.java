package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tokenformer.cli.CommandLineHarness.Result;

/** Wrong command lines are described in plain words. */
class UsageErrorsTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "generate,--seed | --seed needs a value (N)",
        "generate,--seed,--top-k,3 | --seed needs a value (N)",
        "generate,-m | --model needs a value (DIR)",
        "train,-o,x,--data | --data needs a value (FILE)",
        "train,--data,x,-o,y,--grow-init | --grow-init needs a value (NAME)",
        "generate,--seed,abc | '--seed': 'abc' is not a whole number",
        "generate,--seed,1.5 | '--seed': '1.5' is not a whole number",
        "generate,--seed,99999999999999999999 | is too large; the maximum is 9223372036854775807",
        "generate,--threads,-99999999999 | is too small; the minimum is -2147483648",
        "generate,--max-tokens= | '--max-tokens': '' is not a whole number",
        "generate,--temperature,hot | '--temperature': 'hot' is not a number",
        "generate,--temperature,0;5 | '--temperature': '0,5' is not a number; write 0.5",
        "generate,--temperature,1f | '--temperature': '1f' is not a number",
        "generate,--tokens,half | --tokens must be a percentage such as 50%, not 'half'",
        "generate,--cache,q4 | '--cache': 'q4' is not one of f32, bf16",
        "generate,--backend,gpu | '--backend': 'gpu' is not one of auto, scalar, vector",
        "generate,--quiet=5 | '--quiet': '5' is neither true nor false",
        "train,--data,x,-o,y,--freeze-old=5 | --freeze-old takes no value, but '5' was given",
        "train,--data,x,-o,y,--steps,1e3 | '--steps': '1e3' is not a whole number",
        "train,--data,x,-o,y,--grow-init,x | 'x' is not one of zero, split, released",
        "shrink,--data,x,-o,y,--ffn,x | '--ffn': 'x' is neither a number of parameter tokens nor",
        "prepare,-t,x,-o,,y | '--output': the name is empty; give a file or folder",
        "prepare,-t,x,-o,y, | for TEXT: the name is empty; give a file or folder",
        "doctor,--json,--report | --json and --report are mutually exclusive; give one of them",
        "pack,foo | unknown command 'foo'",
      })
  void says(String args, String part) {
    String[] split = args.split(",", -1);
    for (int i = 0; i < split.length; i++) {
      split[i] = split[i].replace(';', ',');
    }
    CommandLineFixtures.assertRefused(List.of(part), split);
  }

  @Test
  void aPromptThatBeginsWithAHyphenFollowsTwoHyphens() {
    for (String prompt : List.of("- a list", "-hello", "--- title", "-5 degrees", "-m is one")) {
      CommandLineFixtures.assertRefused(
          List.of(
              "unknown option '" + prompt + "'",
              "if it is meant as PROMPT, write -- before it: generate -- \"" + prompt + "\""),
          "generate",
          prompt);
    }
    CommandLineFixtures.assertRefused(
        List.of("no default model"), "generate", "--seed", "1", "--", "- a list");
    CommandLineFixtures.assertRefused(
        List.of("unexpected argument '--seed' after --; write options before"),
        "generate",
        "--",
        "- a list",
        "--seed",
        "1");
  }

  @Test
  void aPromptOfSeveralWordsNeedsQuotes() {
    for (String command : List.of("generate", "explain")) {
      CommandLineFixtures.assertRefused(
          List.of(
              "unexpected argument 'upon'; put a PROMPT of several words in quotes: \"Once upon a"
                  + " time\""),
          command,
          "Once",
          "upon",
          "a",
          "time");
    }
  }

  /** Aliases in shells give options first. */
  @Test
  void theLastOfTwoValuesCounts(@TempDir Path folder) {
    Path model = CommandLineFixtures.model(folder);
    Result last =
        CommandLineHarness.run(
            "generate",
            "--max-tokens=5",
            "-m",
            "x",
            "--seed=1",
            "--max-tokens=1",
            "-m",
            model.toString(),
            "--seed=2",
            "Once");
    assertEquals(0, last.code(), last.err());
    assertTrue(last.err().contains("generated 1; seed 2; "), last.err());
    CommandLineFixtures.assertRefused(
        List.of("/last: does not exist"), "tokenize", "-t", "/first", "-t", "/last");
    CommandLineFixtures.assertRefused(
        List.of("--preset: 'last'"), "bench", "--preset=first", "--preset=last");
    CommandLineFixtures.assertRefused(
        List.of("/first: no such file"), // a list: both count
        "prepare",
        "-t",
        model.resolve("tokenizer.json").toString(),
        "-o",
        folder.resolve("x").toString(),
        "/first",
        model.resolve("config.json").toString());
  }

  /** The rate of so few tokens would measure the JIT compiler. */
  @Test
  void thePromptHasATimeAndNoRate(@TempDir Path folder) {
    Path model = CommandLineFixtures.model(folder);
    Result result =
        CommandLineHarness.run("generate", "-m", model.toString(), "--max-tokens=3", "Once upon");
    assertEquals(0, result.code(), result.err());
    assertTrue(
        result.err().matches("(?s)prompt \\d+ tokens in \\d+\\.\\d s, generated 3 at .*"),
        result.err());
  }
}
