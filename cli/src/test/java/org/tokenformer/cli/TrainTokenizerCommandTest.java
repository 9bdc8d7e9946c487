package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;

class TrainTokenizerCommandTest {
  private static final Path TRAINED = CommandLineFixtures.testData("tokenizer/trained");

  @TempDir private Path folder;

  private Result train(String... options) {
    List<String> args = new ArrayList<>(List.of("train-tokenizer"));
    args.addAll(List.of(options));
    return CommandLineHarness.run(args.toArray(String[]::new));
  }

  @Test
  void learnsWhatHfLearns() throws IOException {
    Path file = folder.resolve("tokenizer.json");
    String text = TRAINED.resolve("text.txt").toString();
    Result result = train("--vocab-size", "700", "--keep-line-ends", "-o", file.toString(), text);
    assertEquals(0, result.code(), result.err());
    assertEquals("", result.out());
    assertSame(TRAINED.resolve("by-size.json"), file);
    assertEquals(List.of("tokenizer.json"), CommandLineFixtures.content(folder));
  }

  @Test
  void takesSpecialTokensAndALeastFrequency() throws IOException {
    Path file = folder.resolve("tokenizer.json");
    Result result =
        train(
            "--vocab-size=9999",
            "--min-frequency=4",
            "--keep-line-ends",
            "--special-token=th",
            "--special-token=é",
            "--special-token=< >",
            "-o",
            file.toString(),
            TRAINED.resolve("text.txt").toString());
    assertEquals(0, result.code(), result.err());
    assertSame(TRAINED.resolve("by-frequency.json"), file);
    assertTrue(
        Pattern.compile("warning: only \\d+ of 9999 ids were created: no remaining pair")
            .matcher(result.err())
            .find(),
        result.err());
  }

  private static void assertSame(Path golden, Path trained) throws IOException {
    JsonObject expected = JsonParser.parseString(Files.readString(golden)).getAsJsonObject();
    JsonObject actual = JsonParser.parseString(Files.readString(trained)).getAsJsonObject();
    for (String field : List.of("merges", "vocab")) {
      assertEquals(
          expected.getAsJsonObject("model").get(field), actual.getAsJsonObject("model").get(field));
    }
  }

  @Test
  void refusesWhatCannotBeTrained() throws IOException {
    Path file = folder.resolve("tokenizer.json");
    Path text = Files.writeString(folder.resolve("text"), "Once upon a time.\n");
    refuses(
        List.of("--vocab-size must be at least 258", "not 256"),
        "--vocab-size",
        "256",
        "--special-token",
        "x",
        file,
        text);
    refuses(
        List.of("--min-frequency must be at least 0, not -1"),
        "--vocab-size",
        "300",
        "--min-frequency",
        "-1",
        file,
        text);
    refuses(
        List.of("--special-token '<|endoftext|>' is given twice"),
        "--vocab-size",
        "300",
        "--special-token=<|endoftext|>",
        file,
        text);
    refuses(List.of("'x'"), "--vocab-size", "x", file, text);
    refuses(List.of("--vocab-size"), file, text);
    refuses(List.of("none: no such file"), "--vocab-size", "300", file, folder.resolve("none"));
    refuses(List.of("is a folder"), "--vocab-size", "300", file, folder);
    Path bytes = Files.write(folder.resolve("bytes"), new byte[] {'a', (byte) 0x80});
    refuses(List.of(bytes + ": line 1 is not UTF-8"), "--vocab-size", "300", file, bytes);
    assertFalse(Files.exists(file));
    assertEquals(List.of("bytes", "text"), CommandLineFixtures.content(folder));
  }

  @Test
  void refusesToReplaceAFileUnlessForced() throws IOException {
    Path file = Files.writeString(folder.resolve("tokenizer.json"), "mine");
    Path text = Files.writeString(folder.resolve("text"), "Once upon a time.\n");
    refuses(List.of(file + ": already exists", "--force"), "--vocab-size", "300", file, text);
    assertEquals("mine", Files.readString(file));
    Path nowhere = folder.resolve("none").resolve("tokenizer.json");
    refuses(List.of(nowhere + ": cannot write: there is no"), "--vocab-size=300", nowhere, text);
    refuses(List.of(folder + ": is a folder"), "--vocab-size=300", "--force", folder, text);
    Result forced = train("--vocab-size", "300", "--force", "-o", file.toString(), text.toString());
    assertEquals(0, forced.code(), forced.err());
    assertTrue(Files.readString(file).startsWith("{"));
  }

  @Test
  void aDiskThatTakesNoMoreLeavesTheFormerFile() throws Exception {
    Path file = Files.writeString(folder.resolve("tokenizer.json"), "mine");
    Result result =
        CommandLineHarness.runWithSmallFiles(
            8,
            "train-tokenizer",
            "--quiet",
            "--force",
            "--vocab-size=700",
            "-o",
            file.toString(),
            CommandLineFixtures.testData("../LICENSE").toString());
    CommandLineFixtures.assertRefused(List.of(file + ": cannot write: File too large"), result);
    assertEquals("mine", Files.readString(file));
    assertEquals(List.of("tokenizer.json"), CommandLineFixtures.content(folder));
  }

  /** Options, then the output, then the text. */
  private void refuses(List<String> parts, Object... arguments) {
    List<String> args = new ArrayList<>(List.of("--quiet"));
    for (int i = 0; i < arguments.length; i++) {
      if (i == arguments.length - 2) {
        args.add("-o");
      }
      args.add(arguments[i].toString());
    }
    CommandLineFixtures.assertRefused(parts, train(args.toArray(String[]::new)));
  }
}
