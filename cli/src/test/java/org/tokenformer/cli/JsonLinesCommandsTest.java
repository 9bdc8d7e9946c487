package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.engine.checkpoint.SafetensorsFile;

/** {@code score} and {@code tokenize}. */
class JsonLinesCommandsTest {
  @TempDir static Path folder;
  private static Path model;

  @BeforeAll
  static void importModel() {
    model = CommandLineFixtures.model(folder);
  }

  private static Result score(String input) {
    return CommandLineHarness.runWithInput(input, "score", "-m", model.toString());
  }

  private static Result tokenize(String input, String... options) {
    String[] args = new String[options.length + 3];
    args[0] = "tokenize";
    args[1] = "-m";
    args[2] = model.toString();
    System.arraycopy(options, 0, args, 3, options.length);
    return CommandLineHarness.runWithInput(input, args);
  }

  private static void refuses(Result result, String... parts) {
    CommandLineFixtures.assertRefused(List.of(parts), result);
  }

  private static List<JsonObject> objects(Result result) {
    assertEquals(0, result.code(), result.err());
    return result.out().lines().map(l -> JsonParser.parseString(l).getAsJsonObject()).toList();
  }

  /** PyTorch's mean loss over three sequences of 65 ids. */
  @Test
  void scoresTheGoldensIds() throws IOException {
    Path file = CommandLineFixtures.golden("gelu-after-norm").resolve("golden.safetensors");
    var input = new StringBuilder();
    double expected;
    try (SafetensorsFile golden = SafetensorsFile.open(file)) {
      int[] ids = golden.tensor("ids").data().toArray(ValueLayout.JAVA_INT_UNALIGNED);
      for (int from = 0; from < ids.length; from += 65) {
        int[] sequence = Arrays.copyOfRange(ids, from, from + 65);
        input.append("{\"ids\":").append(Arrays.toString(sequence)).append("}\n");
      }
      expected = golden.tensor("loss_f64").data().get(ValueLayout.JAVA_DOUBLE_UNALIGNED, 0);
    }
    double sum = 0;
    for (JsonObject line : objects(score(input.toString()))) {
      sum += line.get("sum").getAsDouble();
    }
    assertEquals(expected, -sum / (3 * 64), 1e-4);
  }

  @Test
  void eachLineHasItsIdsLogarithmsAndSum() {
    Result result = score("{\"ids\":[5,9,300]}\n{\"text\":\"Once upon\",\"x\":[{}]}\n");
    List<JsonObject> lines = objects(result);
    assertEquals(2, lines.size());
    assertEquals("[5,9,300]", lines.get(0).get("ids").toString());
    for (JsonObject line : lines) {
      JsonArray logprobs = line.getAsJsonArray("logprobs");
      assertEquals(line.getAsJsonArray("ids").size(), logprobs.size());
      assertTrue(logprobs.get(0).isJsonNull());
      double sum = 0;
      for (int i = 1; i < logprobs.size(); i++) {
        assertTrue(logprobs.get(i).getAsDouble() < 0);
        sum += logprobs.get(i).getAsDouble();
      }
      assertEquals(sum, line.get("sum").getAsDouble(), 1e-6);
    }
  }

  @Test
  void nothingHasNoProbability() {
    assertEquals("{\"ids\":[],\"logprobs\":[],\"sum\":0.0}\n", score("{\"text\":\"\"}\n").out());
    assertEquals("{\"ids\":[],\"logprobs\":[],\"sum\":0.0}\n", score("{\"ids\":[]}").out());
    assertEquals("{\"ids\":[7],\"logprobs\":[null],\"sum\":0.0}\n", score("{\"ids\":[7]}").out());
    assertEquals("", score("").out());
  }

  @Test
  void paddingIsScoredToo() {
    assertEquals(1, objects(score("{\"ids\":[7,511]}")).size());
    refuses(
        score("{\"ids\":[7,512]}"), "standard input: line 1", "ids[1] = 512", "between 0 and 511");
    refuses(score("{\"ids\":[-1]}"), "ids[0] = -1", "between 0 and 511");
  }

  @Test
  void refusesLinesThatCannotBeScored() {
    refuses(score("{\"text\":3}"), "line 1", "\"text\" is not a string");
    refuses(score("{\"text\":null}"), "line 1", "\"text\" is not a string");
    refuses(score("{\"ids\":7}"), "line 1", "\"ids\" is not a list");
    refuses(score("{\"ids\":[1,\"2\"]}"), "line 1", "ids[1] is not a number");
    refuses(score("{\"ids\":[1.5]}"), "line 1", "'1.5' is not a 32-bit integer");
    refuses(score("{\"ids\":[99999999999]}"), "line 1", "'99999999999'");
    refuses(score("{\"ids\":[1],\"text\":\"a\"}"), "line 1", "both");
    refuses(score("{\"text\":\"a\",\"text\":\"b\"}"), "line 1", "twice");
    refuses(score("{}"), "line 1", "no field \"text\"");
    refuses(score("[1]"), "line 1", "not a JSON object");
    refuses(score("{\"text\":\"a\""), "line 1", "not a JSON object");
    refuses(score("{\"text\":\"a\"} {}"), "line 1");
    refuses(score("{'text':'a'}"), "line 1", "not a JSON object", "unexpected character at column");
    refuses(score("{\"ids\":[" + "1,".repeat(128) + "1]}"), "129 ids", "128 positions");
  }

  @Test
  void linesBeforeABadOneAreAnswered() {
    Result result = score("{\"ids\":[1]}\n{\"ids\":[1]}\nnonsense\n");
    assertEquals(2, result.code());
    assertEquals(2, result.out().lines().count());
    assertTrue(result.err().startsWith("error: standard input: line 3: "), result.err());
  }

  @Test
  void filesAreNamedInErrors(@TempDir Path other) throws IOException {
    Path good = Files.writeString(other.resolve("good.jsonl"), "{\"ids\":[1]}\n");
    Path bad = Files.writeString(other.resolve("bad.jsonl"), "{\"ids\":[1]}\n{\"ids\":[600]}\n");
    Result result =
        CommandLineHarness.run("score", "-m", model.toString(), good.toString(), bad.toString());
    assertEquals(2, result.code());
    assertEquals(2, result.out().lines().count());
    assertTrue(result.err().startsWith("error: " + bad + ": line 2: "), result.err());
    refuses(
        CommandLineHarness.run("score", "-m", model.toString(), "/nowhere"),
        "/nowhere: no such file");
    refuses(
        CommandLineHarness.run("score", "-m", model.toString(), other.toString()), "is a folder");
  }

  @Test
  void refusesBytesThatAreNotUtf8() {
    byte[] input = {'{', '"', 't', 'e', 'x', 't', '"', ':', '"', (byte) 0xE9, '"', '}'};
    for (String command : List.of("score", "tokenize")) {
      refuses(
          CommandLineHarness.runWithInput(input, command, "-m", model.toString()),
          "standard input: line 1 is not UTF-8: invalid byte at position 10");
    }
  }

  @Test
  void tokenizesAsTheGoldens() throws IOException {
    Path golden = CommandLineFixtures.testData("tokenizer/base");
    List<String> cases =
        Files.readAllLines(golden.resolve("cases.jsonl")).stream()
            .filter(line -> line.contains("\"text\""))
            .toList();
    Result result =
        CommandLineHarness.runWithInput(
            String.join("\n", cases),
            "tokenize",
            "-t",
            golden.resolve("tokenizer.json").toString());
    List<JsonObject> answers = objects(result);
    assertEquals(cases.size(), answers.size());
    for (int i = 0; i < cases.size(); i++) {
      JsonObject expected = JsonParser.parseString(cases.get(i)).getAsJsonObject();
      assertEquals(expected.get("ids"), answers.get(i).get("ids"), cases.get(i));
    }
  }

  @Test
  void decodesWithSpecialTokensAndReplacementCharacters() {
    assertEquals("{\"text\":\"<|endoftext|>a\"}\n", tokenize("{\"ids\":[0,66]}", "--decode").out());
    Result half = tokenize("{\"text\":\"é\"}\n");
    String first = half.out().replaceFirst("\\{\"ids\":\\[(\\d+).*\n", "$1");
    assertEquals(
        "{\"text\":\"\uFFFD\"}\n", tokenize("{\"ids\":[" + first + "]}", "--decode").out());
  }

  @Test
  void oneLineOutPerLineIn() {
    Result result = tokenize("{\"text\":\"a\\nb\\u2028<c>\"}\r\n{\"text\":\"\"}");
    assertEquals(2, objects(result).size());
    Result back = tokenize(result.out(), "--decode");
    assertEquals("a\nb\u2028<c>", objects(back).getFirst().get("text").getAsString());
  }

  @Test
  void readsWhatOtherReadersOfJsonLinesRead() {
    Path storyteller = Path.of("src/main/storyteller/tokenizer.json");
    String input =
        "\ufeff{\"text\":\"Once upon\"}\r\n\r\n \n{\"x\":NaN,\"y\":[-Infinity],\"x\":1,\"text\":\"a time\"}\n\n";
    for (String file : List.of("-", "")) {
      String[] args = {"tokenize", "-t", storyteller.toString(), file};
      Result result =
          CommandLineHarness.runWithInput(input, Arrays.copyOf(args, file.isEmpty() ? 3 : 4));
      assertEquals("{\"ids\":[2087,680]}\n{\"ids\":[65,501]}\n", result.out(), result.err());
      assertEquals("", result.err());
    }
  }

  @Test
  void saysInPlainWordsWhatIsWrong() throws IOException {
    String not = "standard input: line 1: not a JSON object with \"text\" or \"ids\": ";
    refuses(tokenize("{'text':'a'}"), not + "unexpected character at column 3");
    refuses(tokenize("\n{\"text\":\"a\""), "line 2: not a JSON", ": it ends too early");
    refuses(tokenize("7"), not + "a value of another type is expected at column");
    refuses(tokenize("{\"x\":" + "[".repeat(999)), not + "too many levels at column");
    refuses(tokenize("{\"text\":NaN}"), "line 1: field \"text\" is not a string");
    refuses(score("{\"ids\":[NaN]}"), "line 1: ids[0] is not a number");
    String pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n";
    refuses(tokenize(pointer), "standard input: is a Git LFS pointer", "git lfs pull");
    Path tokenizer = Files.writeString(folder.resolve("pointer.json"), pointer);
    refuses(
        CommandLineHarness.run("tokenize", "-t", tokenizer.toString()),
        tokenizer + ": is a Git LFS pointer, not the file itself; run 'git lfs pull'");
  }

  @Test
  void refusesWhatCannotBeTokenized() {
    refuses(tokenize("{\"ids\":[500]}", "--decode"), "ids[0] = 500", "between 0 and 499");
    refuses(tokenize("{\"ids\":[-1]}", "--decode"), "ids[0] = -1");
    refuses(tokenize("{\"text\":\"a\"}", "--decode"), "line 1", "no field \"ids\"");
    refuses(tokenize("{\"ids\":[1]}"), "line 1", "no field \"text\"");
    refuses(CommandLineHarness.run("tokenize"), "no default model", "-m DIR");
    refuses(
        CommandLineHarness.run("tokenize", "-m", "a", "-t", "b"),
        "-m and -t are mutually exclusive");
    refuses(CommandLineHarness.run("tokenize", "-t", "/nowhere"), "/nowhere: does not exist");
    refuses(CommandLineHarness.run("tokenize", "-t", folder.toString()), folder + ": is a folder");
  }
}
