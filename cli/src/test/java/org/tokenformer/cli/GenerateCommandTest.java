package org.tokenformer.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.cli.CommandLineHarness.Result;

class GenerateCommandTest {
  @TempDir static Path folder;
  private static Path model;

  @BeforeAll
  static void importModel() {
    model = CommandLineFixtures.model(folder);
  }

  private static Result generate(String... options) {
    return CommandLineHarness.run(arguments(options));
  }

  private static String[] arguments(String... options) {
    List<String> args = new ArrayList<>(List.of("generate", "-m", model.toString()));
    args.addAll(List.of(options));
    return args.toArray(String[]::new);
  }

  private static void refuses(List<String> parts, String... options) {
    CommandLineFixtures.assertRefused(parts, generate(options));
  }

  @Test
  void printsPromptAndContinuationAndStatistics() {
    Result result = generate("--seed", "7", "--max-tokens", "12", "Once upon a time");
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().startsWith("Once upon a time"), result.out());
    assertTrue(result.out().endsWith("\n"), result.out());
    assertEquals(1, result.errorLines().size(), result.err());
    assertTrue(result.err().contains("seed 7"), result.err());
    assertTrue(result.err().contains("vector"), result.err());
  }

  @Test
  void theSameSeedGivesTheSameTextOnAnyNumberOfThreads() {
    Result one = generate("--seed", "7", "--max-tokens", "40", "--threads", "1", "Once");
    Result three = generate("--seed", "7", "--max-tokens", "40", "--threads", "3", "Once");
    Result other = generate("--seed", "8", "--max-tokens", "40", "--threads", "3", "Once");
    assertEquals(one.out(), three.out());
    assertNotEquals(one.out(), other.out());
  }

  @Test
  void aRunWithoutASeedCanBeRepeated() {
    Result first = generate("--max-tokens", "30", "Once");
    String seed = first.err().replaceFirst("(?s).*; seed (\\d+);.*", "$1");
    assertEquals(first.out(), generate("--max-tokens", "30", "--seed", seed, "Once").out());
  }

  @Test
  void thePromptMayComeFromStandardInput() {
    Result argument = generate("--seed", "1", "--max-tokens", "5", "Once upon");
    for (String input : List.of("Once upon", "Once upon\n", "Once upon\r\n")) {
      Result piped =
          CommandLineHarness.runWithInput(input, arguments("--seed", "1", "--max-tokens", "5"));
      assertEquals(argument.out(), piped.out());
    }
  }

  @Test
  void noTokensEchoThePrompt() {
    Result result = generate("--max-tokens", "0", "Once upon");
    assertEquals(0, result.code(), result.err());
    assertEquals("Once upon\n", result.out());
  }

  @Test
  void stopsAtATextAcrossTokens() {
    String all = generate("--seed", "3", "--max-tokens", "40", "Once").out();
    String continuation = all.substring("Once".length());
    String stop = continuation.substring(5, 12);
    Result result = generate("--seed", "3", "--max-tokens", "40", "--stop", stop, "Once");
    String expected = "Once" + continuation.substring(0, continuation.indexOf(stop));
    assertEquals(expected.endsWith("\n") ? expected : expected + "\n", result.out());
    assertTrue(result.err().contains("(stop)"), result.err());
  }

  @Test
  void aFullContextEndsTheText() {
    Result result = generate("--seed", "1", "--max-tokens", "100000", "Once");
    assertEquals(0, result.code());
    assertTrue(
        result.err().contains("(the context is full)") || result.err().contains("(end of text)"),
        result.err());
  }

  @Test
  void quietPrintsNoStatisticsAndAHalfSizedCacheWorks() {
    Result result = generate("--quiet", "--cache", "bf16", "--max-tokens", "3", "Once");
    assertEquals(0, result.code());
    assertEquals("", result.err());
  }

  @Test
  void outputThatIsCutOffEndsTheProgramQuietly() {
    var broken =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("Broken pipe");
          }
        };
    Result result = CommandLineHarness.runTo(broken, new byte[0], arguments("Once"));
    assertEquals(141, result.code());
    assertEquals("", result.err());
  }

  @Test
  void eachTokenIsFlushedAsItComes() {
    var flushes = new int[1];
    var out =
        new ByteArrayOutputStream() {
          @Override
          public void flush() {
            flushes[0]++;
          }
        };
    CommandLineHarness.runTo(out, new byte[0], arguments("--max-tokens", "8", "--seed", "1", "On"));
    assertTrue(flushes[0] >= 6, "only " + flushes[0] + " flushes");
    assertFalse(out.toString(UTF_8).contains("\uFFFD\uFFFD\uFFFD\uFFFD"));
  }

  @Test
  void withoutAModelItSaysWhatToDo() {
    CommandLineFixtures.assertRefused(
        List.of("no default model", "-m DIR", "tokenformer import --help"), "generate", "Once");
  }

  @Test
  void refusesNumbersThatCannotBe() {
    refuses(
        List.of("--temperature must be between 0 and 1000, not -1.0"),
        "--temperature",
        "-1",
        "Once");
    refuses(
        List.of("--temperature must be between 0 and 1000, not NaN"),
        "--temperature",
        "NaN",
        "Once");
    refuses(List.of("--max-tokens must be at least 0, not -1"), "--max-tokens", "-1", "Once");
    refuses(List.of("--top-k must be at least 0, not -3"), "--top-k", "-3", "Once");
    refuses(List.of("--top-p must be above 0 and at most 1, not 0.0"), "--top-p", "0", "Once");
    refuses(List.of("--top-p must be above 0 and at most 1, not 1.5"), "--top-p", "1.5", "Once");
    refuses(List.of("--min-p must be between 0 and 1, not 2.0"), "--min-p", "2", "Once");
    refuses(
        List.of("--repetition-penalty must be between 0.001 and 1000, not 0.0"),
        "--repetition-penalty",
        "0",
        "Once");
    refuses(List.of("--max-tokens", "'many'"), "--max-tokens", "many", "Once");
    refuses(List.of("--stop: ", "empty"), "--stop", "", "Once");
    refuses(List.of("--cache", "'f64'", "f32, bf16"), "--cache", "f64", "Once");
    refuses(List.of("--threads must be between 1 and 1024, not 0"), "--threads", "0", "Once");
    refuses(
        List.of("--backend", "'cuda' is not one of auto, scalar, vector"),
        "--backend",
        "cuda",
        "Once");
  }

  @Test
  void theReplacementCharacterIsTextLikeAnyOther() {
    Result result = generate("--seed", "7", "--max-tokens", "2", "a\uFFFDb");
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().startsWith("a\uFFFDb"), result.out());
  }

  @Test
  void refusesPromptsThatCannotBe() {
    refuses(List.of("the prompt is empty", "give a text"), "");
    refuses(List.of("the prompt is empty"));
    CommandLineFixtures.assertRefused(
        List.of("standard input: line 1 is not UTF-8: invalid byte at position 2 of the line"),
        CommandLineHarness.runWithInput(new byte[] {'a', (byte) 0xFF, 'b'}, arguments()));
    refuses(List.of("400 tokens", "128 positions", "shorten"), "\n".repeat(400));
  }

  @Test
  void refusesFoldersThatAreNoModels(@TempDir Path other) throws IOException {
    Path missing = other.resolve("missing");
    CommandLineFixtures.assertRefused(
        List.of(missing + ": no such folder"), "generate", "-m", missing.toString(), "Once");
    CommandLineFixtures.assertRefused(
        List.of("config.json", "no such file"), "generate", "-m", other.toString(), "Once");
    Path file = Files.writeString(other.resolve("file"), "x");
    CommandLineFixtures.assertRefused(
        List.of(file + ": is not a folder"), "generate", "-m", file.toString(), "Once");
    Path locked = Files.createDirectory(other.resolve("locked"));
    if (locked.toFile().setExecutable(false) && !Files.isExecutable(locked)) { // root may all
      CommandLineFixtures.assertRefused(
          List.of(locked + ": cannot be read"), "generate", "-m", locked.toString(), "Once");
    }
  }

  @Test
  void refusesTokenizersThatDoNotFit(@TempDir Path other) throws IOException {
    Path broken = CommandLineFixtures.copy(model, other.resolve("broken"));
    Path tokenizer = broken.resolve("tokenizer.json");

    Files.copy(
        CommandLineFixtures.testData("tokenizer/trained/by-size.json"),
        tokenizer,
        StandardCopyOption.REPLACE_EXISTING);
    assertModelRefused(broken, tokenizer + ": has 700 ids", "512 rows");

    Files.copy(
        CommandLineFixtures.testData("tokenizer/words/tokenizer.json"),
        tokenizer,
        StandardCopyOption.REPLACE_EXISTING);
    assertModelRefused(broken, tokenizer.toString());

    Files.writeString(tokenizer, "{\"model\": ");
    assertModelRefused(broken, tokenizer.toString(), "malformed JSON");

    Files.delete(tokenizer);
    assertModelRefused(broken, tokenizer + ": does not exist");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void refusesWeightsThatAreNoNumbers(float bad, @TempDir Path other) throws IOException {
    Path broken = CommandLineFixtures.copy(model, other.resolve("broken"));
    Path weights = broken.resolve("model.safetensors");
    try (var file = new RandomAccessFile(weights.toFile(), "rw")) {
      file.seek(file.length() - 4); // the last number of the file
      file.writeInt(Integer.reverseBytes(Float.floatToRawIntBits(bad)));
    }
    assertModelRefused(broken, weights.toString(), "norm.bias", "NaN or infinite");

    Result result = CommandLineHarness.run("inspect", broken.toString());
    assertEquals(2, result.code());
    assertEquals(1, result.errorLines().size());
    assertTrue(
        result.err().contains(broken + ": tensor norm.bias holds NaN or infinite"), result.err());
    assertTrue(
        result.out().lines().anyMatch(l -> l.contains("norm.bias") && l.contains("NaN or")),
        result.out());
  }

  /** Without the module the text is the same, and slow: the one line says what to add. */
  @Test
  void withoutTheVectorModuleItWarnsAndWrites() throws Exception {
    String[] options = arguments("--temperature", "0", "--max-tokens", "8", "Once");
    Result result = CommandLineHarness.runInOwnJava(List.of(), options);
    assertEquals(0, result.code(), result.err());
    assertEquals(CommandLineHarness.run(options).out(), result.out());
    String warning = result.errorLines().getFirst();
    assertTrue(warning.startsWith("warning: "), result.err());
    assertTrue(warning.contains("--add-modules jdk.incubator.vector"), result.err());
    assertEquals(2, result.errorLines().size(), result.err());
    assertTrue(result.errorLines().getLast().contains("scalar"), result.err());

    Result asked = CommandLineHarness.runInOwnJava(List.of(), arguments("--backend=vector", "On"));
    CommandLineFixtures.assertRefused(List.of("vector", "--add-modules"), asked);
  }

  private static void assertModelRefused(Path folder, String... parts) {
    CommandLineFixtures.assertRefused(
        List.of(parts), "generate", "-m", folder.toString(), "Once upon");
  }
}
