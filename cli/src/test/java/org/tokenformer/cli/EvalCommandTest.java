package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.measure.Scorer;
import org.tokenformer.tokenizer.Tokenizer;

class EvalCommandTest {
  private static final int CONTEXT = 128;

  @TempDir static Path folder;
  private static Path model;

  @BeforeAll
  static void importModel() {
    model = CommandLineFixtures.model(folder);
  }

  private static Result eval(Path data) {
    return CommandLineHarness.run("eval", "-m", model.toString(), "--data", data.toString());
  }

  @Test
  void predictsWindowsOfAllDocuments() throws IOException {
    List<String> documents =
        List.of("Once upon a time.\nThere was ".repeat(20), "é a king who ".repeat(30), "He had.");
    Path text = folder.resolve("text");
    String separated =
        "<|endoftext|>\n" + String.join("\n<|endoftext|>\n\n<|endoftext|>\n", documents) + "\n";
    Files.writeString(text, separated);

    Tokenizer tokenizer = Tokenizer.load(model.resolve("tokenizer.json"));
    IntArrayList stream = new IntArrayList();
    for (String document : documents) {
      tokenizer.encode(document, stream);
      stream.add(0); // <|endoftext|>
    }
    int[] ids = stream.toIntArray();
    int windows = (ids.length - 1) / CONTEXT;
    assertTrue(windows >= 3, "the text is too short for this test");
    double sum = 0;
    try (LanguageModel languageModel = LanguageModel.load(model);
        var scorer = new Scorer(languageModel.model(), CONTEXT)) {
      for (int i = 0; i < windows; i++) {
        for (float loss : scorer.losses(ids, i * CONTEXT, CONTEXT, null)) {
          sum += loss;
        }
      }
    }
    double loss = sum / windows / CONTEXT;

    Result result = eval(text);
    assertEquals(0, result.code(), result.err());
    assertEquals(1, result.out().lines().count());
    JsonObject answer = JsonParser.parseString(result.out()).getAsJsonObject();
    assertEquals((long) windows * CONTEXT, answer.get("tokens").getAsLong());
    assertEquals(loss, answer.get("loss").getAsDouble(), 1e-9);
    assertEquals(Math.exp(loss), answer.get("perplexity").getAsDouble(), 1e-6);
    double bits = loss / Math.log(2) * ids.length / Files.size(text);
    assertEquals(bits, answer.get("bits_per_byte").getAsDouble(), 1e-9);
    assertTrue(answer.get("tokens_per_second").getAsDouble() > 0);
    assertTrue(result.err().startsWith("reading: "), result.err());
  }

  @Test
  void aDatasetIsMeasuredAsItsTextIs() throws IOException {
    Path text = folder.resolve("tales");
    Files.writeString(text, "There was a king.\n<|endoftext|>\nA daughter had he.\n".repeat(60));
    Path data = folder.resolve("tales.arrow");
    String tokenizer = model.resolve("tokenizer.json").toString();
    Result prepared =
        CommandLineHarness.run("prepare", "-t", tokenizer, "-o", data.toString(), text.toString());
    assertEquals(0, prepared.code(), prepared.err());
    JsonObject expected = JsonParser.parseString(eval(text).out()).getAsJsonObject();
    Result result = eval(data);
    assertEquals(0, result.code(), result.err());
    JsonObject answer = JsonParser.parseString(result.out()).getAsJsonObject();
    assertEquals(Set.of("tokens", "loss", "perplexity", "tokens_per_second"), answer.keySet());
    for (String name : List.of("tokens", "loss", "perplexity")) {
      assertEquals(expected.get(name), answer.get(name));
    }
    assertFalse(result.err().contains("warning"), result.err());
  }

  @Test
  void warnsOfADatasetOfAnotherTokenizer(@TempDir Path other) throws IOException {
    Path text = Files.writeString(other.resolve("text"), "There was a king.\n".repeat(60));
    Path tokenizer = other.resolve("tokenizer.json");
    Files.writeString(tokenizer, Files.readString(model.resolve("tokenizer.json")) + "\n");
    Path data = other.resolve("data.arrow");
    Result prepared =
        CommandLineHarness.run(
            "prepare", "-t", tokenizer.toString(), "-o", data.toString(), text.toString());
    assertEquals(0, prepared.code(), prepared.err());
    Result result = eval(data);
    assertEquals(0, result.code(), result.err());
    String warning = "warning: " + data + ": was prepared with a different tokenizer (SHA-256 ";
    assertTrue(result.err().startsWith(warning), result.err());
  }

  @Test
  void refusesDatasetsThatCannotBeEvaluated(@TempDir Path other) throws IOException {
    Path datasets = CommandLineFixtures.testData("dataset");
    Path data = datasets.resolve("stream-huggingface.arrow");
    refuses(data, data + ": id 4095 at position 2 (row 0) is not in the vocabulary (0 to 499)");
    data = datasets.resolve("empty.arrow");
    refuses(data, "--data " + data + ": has 0 tokens, but one window of 128 needs 129");
    data = datasets.resolve("other-columns.arrow");
    refuses(data, data + ": has no column input_ids, only text, labels; write a column of");
    data = datasets.resolve("compressed-lz4.arrow");
    refuses(data, data + ": its buffers are compressed");
    byte[] whole = Files.readAllBytes(datasets.resolve("file-list-int32.arrow"));
    data = Files.write(other.resolve("cut"), Arrays.copyOf(whole, whole.length - 1));
    refuses(data, data + ": is truncated");
  }

  /** The same measurement, whatever the line ends and the way in. */
  @Test
  void lineEndsMakeNoDifference(@TempDir Path other) throws IOException {
    String text = "There was a king.\n<|endoftext|>\n\nA daughter had he.\n".repeat(60);
    JsonObject expected =
        JsonParser.parseString(eval(Files.writeString(other.resolve("text"), text)).out())
            .getAsJsonObject();
    String windows = "\ufeff" + text.replace("\n", "\r\n");
    Result result =
        CommandLineHarness.runWithInput(windows, "eval", "-m", model.toString(), "--data", "-");
    assertEquals(0, result.code(), result.err());
    JsonObject answer = JsonParser.parseString(result.out()).getAsJsonObject();
    for (String name : List.of("tokens", "loss", "perplexity")) {
      assertEquals(expected.get(name), answer.get(name));
    }
    assertTrue(result.err().contains("240 line ends CRLF became LF"), result.err());
  }

  @Test
  void refusesTextsThatCannotBeEvaluated(@TempDir Path other) throws IOException {
    Path text = other.resolve("text");
    refuses(text, text + ": no such file");
    refuses(other, other + ": is a folder");
    Files.writeString(text, "Too short.");
    refuses(text, text + ": has ", "needs 129");
    Files.write(text, new byte[] {'a', '\n', (byte) 0xC3, '\n'});
    refuses(text, text + ": line 2 is not UTF-8");
    CommandLineFixtures.assertRefused(List.of("--data"), "eval", "-m", model.toString());
  }

  private static void refuses(Path text, String... parts) {
    Result result =
        CommandLineHarness.run(
            "eval", "--quiet", "-m", model.toString(), "--data", text.toString());
    CommandLineFixtures.assertRefused(List.of(parts), result);
  }
}
