package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tokenformer.cli.TrainFixtures.CONTEXT;
import static org.tokenformer.cli.TrainFixtures.TOKENIZER;
import static org.tokenformer.cli.TrainFixtures.newModel;
import static org.tokenformer.cli.TrainFixtures.train;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.tokenizer.Tokenizer;
import org.tokenformer.tokenizer.dataset.DatasetWriter;
import org.tokenformer.tokenizer.dataset.TokenizerFingerprint;

class TrainCommandTest {
  private static final List<String> RUN =
      List.of(
          ".lock",
          "config.json",
          "latest",
          "metrics.arrow",
          "metrics.jsonl",
          "model.safetensors",
          "run.json",
          "step-000008",
          "tokenizer.json",
          "train-plot.html",
          "train-plot.png");

  @TempDir private Path folder;
  private Path data = Path.of("");
  private Path run = Path.of("");

  @BeforeEach
  void writeTales() throws IOException {
    data = TrainFixtures.tales(folder.resolve("tales.txt"), 400, 1);
    run = folder.resolve("run");
  }

  private static byte[] weights(Path run) throws IOException {
    return Files.readAllBytes(run.resolve("model.safetensors"));
  }

  private static List<JsonObject> metrics(Path run) throws IOException {
    List<JsonObject> lines = new ArrayList<>();
    for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
      lines.add(JsonParser.parseString(line).getAsJsonObject());
    }
    return lines;
  }

  private static List<String> steps(Object... more) {
    List<String> options = new ArrayList<>(List.of("--batch", "2", "--steps", "8"));
    Stream.of(more).forEach(option -> options.add(option.toString()));
    return options;
  }

  private List<String> eightSteps(Path output, Object... more) {
    return newModel(data, output, steps(more).toArray());
  }

  @Test
  void aNewRunLeavesAModelAndTellsHowItWent() throws IOException {
    Path valid = TrainFixtures.tales(folder.resolve("valid.txt"), 40, 2);
    List<String> arguments = eightSteps(run, "--valid", valid, "--eval-every", 4);
    Result result = CommandLineHarness.run(arguments.toArray(String[]::new));
    assertEquals(0, result.code(), result.err());
    assertEquals("", result.out());
    assertEquals(RUN, CommandLineFixtures.content(run));
    String start = result.errorLines().getFirst();
    assertTrue(start.startsWith("49.2k parameters: 2 layers, 32 channels"), start);
    assertTrue(start.contains("vocabulary 512, context 32"), start);
    assertTrue(start.contains("; needs 1.4 MB") && start.contains(" of the machine's "), start);
    String end = result.errorLines().getLast();
    String saved = "done after step 8 of 8, saved as " + run.resolve("step-000008") + "; smoothed";
    assertTrue(end.startsWith(saved), end);

    List<JsonObject> lines = metrics(run);
    assertEquals(10, lines.size());
    for (String name :
        List.of("loss", "smoothed", "gradient_norm", "learning_rate", "tokens_per_second")) {
      assertTrue(lines.getFirst().get(name).getAsDouble() > 0, name);
    }
    assertEquals(8 * 2 * CONTEXT, lines.getLast().get("tokens").getAsLong());
    assertTrue(lines.get(4).has("valid_loss"));
    double loss = lines.getLast().get("valid_loss").getAsDouble();
    assertTrue(loss < lines.get(4).get("valid_loss").getAsDouble(), "it learned");

    Result eval = CommandLineHarness.run("eval", "-m", run.toString(), "--data", valid.toString());
    assertEquals(0, eval.code(), eval.err());
    JsonObject answer = JsonParser.parseString(eval.out()).getAsJsonObject();
    assertEquals(answer.get("loss").getAsDouble(), loss, 1e-6);
  }

  @Test
  void aResumedRunHasTheBitsOfOneThatNeverStopped() throws IOException {
    List<String> options = steps("--save-every", 4, "--accumulate", 2, "--dropout", 0.1);
    train(newModel(data, run, options.toArray()));
    Path stopped = Files.createDirectory(folder.resolve("stopped"));
    Files.copy(run.resolve("metrics.jsonl"), stopped.resolve("metrics.jsonl"));
    Files.writeString(
        stopped.resolve("metrics.jsonl"),
        "{\"step\":3,\"tok", // as a kill leaves it
        StandardOpenOption.APPEND);
    Files.move(run.resolve("step-000004"), stopped.resolve("step-000004"));

    List<String> again = newModel(data, stopped, options.toArray());
    again.addAll(List.of("--resume", "--threads", "1", "--recompute"));
    train(again);
    assertArrayEquals(weights(run), weights(stopped));
    assertEquals(withoutTimes(metrics(run)), withoutTimes(metrics(stopped)));

    List<String> shortly = List.of("train", "--data", data.toString(), "--resume", "-o");
    Result done = CommandLineHarness.run(with(shortly, stopped.toString()));
    assertEquals(0, done.code(), done.err());
    assertEquals(
        "nothing to do: the run has already done all its steps (8); to train further, add --steps"
            + " with a larger total, or start a new run from its model with -m",
        done.errorLines().getLast());
    assertArrayEquals(weights(run), weights(stopped));
  }

  private static String[] with(List<String> arguments, String... more) {
    return Stream.concat(arguments.stream(), Stream.of(more)).toArray(String[]::new);
  }

  private static List<JsonObject> withoutTimes(List<JsonObject> lines) {
    lines.forEach(line -> line.remove("tokens_per_second"));
    return lines;
  }

  @Test
  void aModelGoesOnLearning() throws IOException {
    train(eightSteps(run));
    Path next = folder.resolve("next");
    train(
        List.of(
            "train",
            "-m",
            run.toString(),
            "--data",
            data.toString(),
            "-o",
            next.toString(),
            "--batch",
            "2",
            "--steps",
            "2"));
    double before = metrics(run).getFirst().get("loss").getAsDouble();
    double after = metrics(next).getFirst().get("loss").getAsDouble();
    assertTrue(after < before - 0.5, "from " + before + " to " + after);
    for (String file : List.of("config.json", "tokenizer.json")) {
      assertEquals(-1, Files.mismatch(run.resolve(file), next.resolve(file)), file);
    }
  }

  @Test
  void textsAndDatasetsOfThemAreTheSameData() throws IOException {
    Path more = TrainFixtures.tales(folder.resolve("more.txt"), 50, 3);
    Path dataset = folder.resolve("data.arrow");
    Result prepared =
        CommandLineHarness.run(
            "prepare", "-t", TOKENIZER.toString(), "-o", dataset.toString(), more.toString());
    assertEquals(0, prepared.code(), prepared.err());
    Path other = folder.resolve("other");
    List<String> mixed = eightSteps(other);
    mixed.add(mixed.indexOf("--data") + 2, dataset.toString());
    train(mixed);
    Path texts = folder.resolve("texts");
    List<String> both = eightSteps(texts);
    both.add(both.indexOf("--data") + 2, more.toString());
    train(both);
    assertArrayEquals(weights(texts), weights(other));
  }

  @Test
  void withoutStepsASmallTextIsPassedManyTimes() throws IOException {
    Path few = TrainFixtures.tales(folder.resolve("few.txt"), 30, 4);
    Result result = CommandLineHarness.run(newModel(few, run, "--batch", 2).toArray(String[]::new));
    assertEquals(0, result.code(), result.err());
    assertEquals(500, metrics(run).size());
    String note =
        result.errorLines().stream()
            .filter(l -> l.contains("passes over"))
            .findFirst()
            .orElseThrow();
    assertTrue(note.startsWith("500 steps, which are "), note);
    assertTrue(metrics(run).getLast().get("loss").getAsDouble() < 0.7, "" + metrics(run).getLast());
  }

  @Test
  void refusesNumbersThatMakeNoRun() {
    for (List<String> bad :
        List.of(
            List.of("--steps", "0", "--steps must be at least 1, not 0"),
            List.of("--batch", "0", "--batch must be at least 1, not 0"),
            List.of("--batch", "-3", "--batch must be at least 1, not -3"),
            List.of("--sequence", "0", "--sequence must be at least 1, not 0"),
            List.of("--sequence", "33", "--sequence: 33 is more than the model's context of 32"),
            List.of("--accumulate", "0", "--accumulate must be at least 1, not 0"),
            List.of(
                "--min-lr",
                "1",
                "--min-lr must be between 0 and the learning rate of 0.01, not 1.0"),
            List.of(
                "--min-lr",
                "NaN",
                "--min-lr must be between 0 and the learning rate of 0.01, not NaN"),
            List.of(
                "--min-lr",
                "-Infinity",
                "--min-lr must be between 0 and the learning rate of 0.01, not -Infinity"),
            List.of("--warmup", "-1", "--warmup must be between 0 and the 500 steps, not -1"),
            List.of(
                "--weight-decay",
                "-0.1",
                "--weight-decay must be a finite number of at least 0, not -0.1"),
            List.of("--clip", "0", "--clip must be a number above 0, not 0.0"),
            List.of("--clip", "NaN", "--clip must be a number above 0, not NaN"),
            List.of("--clip", "Infinity", "--clip must be a number above 0, not Infinity"),
            List.of(
                "--weight-decay",
                "NaN",
                "--weight-decay must be a finite number of at least 0, not NaN"),
            List.of(
                "--weight-decay",
                "Infinity",
                "--weight-decay must be a finite number of at least 0, not Infinity"),
            List.of("--dropout", "-0.1", "--dropout must be at least 0 and below 1, not -0.1"),
            List.of("--dropout", "NaN", "--dropout must be at least 0 and below 1, not NaN"),
            List.of("--accumulate", "-1", "--accumulate must be at least 1, not -1"),
            List.of("--steps", "-8", "--steps must be at least 1, not -8"),
            List.of(
                "--steps", "NaN", "'--steps': 'NaN' is not a whole number; see 'tokenformer train"),
            List.of("--batch", "1e99", "'--batch': '1e99' is not a whole number"),
            List.of(
                "--accumulate",
                "4294967296",
                "'4294967296' is too large; the maximum is 2147483647"),
            List.of("--dropout", "much", "'--dropout': 'much' is not a number"),
            List.of("--on-save-error", "panic", "'panic' is not one of continue, stop"),
            List.of("--dropout", "1", "--dropout must be at least 0 and below 1, not 1.0"),
            List.of("--save-every", "0", "--save-every must be at least 1, not 0"),
            List.of("--eval-every", "-1", "--eval-every must be at least 1, not -1"),
            List.of("--keep", "0", "--keep must be at least 1, not 0"),
            List.of("--qkv", "0", "--qkv must be between 1 and 16777216, not 0"),
            List.of("--theta", "relu", "--theta: 'relu' is not one of l2_norm_gelu"),
            List.of("--init", "loud", "'loud' is not one of default, released"))) {
      refuses(bad.getLast(), newModel(data, run, bad.get(0), bad.get(1)));
    }
    for (String rate : List.of("0", "NaN", "-0.001", "Infinity")) {
      List<String> arguments = newModel(data, run);
      arguments.set(arguments.indexOf("--lr") + 1, rate);
      refuses("--lr must be a number above 0, not ", arguments);
    }
    assertFalse(Files.exists(run));
  }

  private void refuses(String part, List<String> arguments) {
    CommandLineFixtures.assertRefused(List.of(part), TrainFixtures.run(arguments));
  }

  @Test
  void refusesModelsThatCannotBe() {
    List<String> base = List.of("train", "--data", data.toString(), "-o", run.toString());
    String tokenizer = TOKENIZER.toString();
    refuses("a new model needs a tokenizer: add -t tokenizer.json", base);
    refuses("needs sizes: give --preset (one of laptop-7M", list(base, "-t", tokenizer));
    refuses("--preset: 'huge' is unknown", list(base, "-t", tokenizer, "--preset", "huge"));
    refuses(
        "-m continues training a model, but --preset is for a new one",
        list(base, "-m", "x", "--preset", "150M"));
    refuses(
        "-m continues training a model, but -t is for a new one",
        list(base, "-m", "x", "-t", tokenizer));
    refuses("x: no such folder", list(base, "-m", "x"));
    refuses("none.json", list(base, "-t", "none.json", "--preset", "150M"));
    List<String> small = list(base, "-t", tokenizer, "--layers", "2");
    refuses(
        "--heads: 3 does not divide --hidden 32", list(small, "--hidden", "32", "--heads", "3"));
    refuses(
        "--hidden must be between 1 and 16777216, not 0",
        list(small, "--hidden", "0", "--heads", "1"));
    List<String> huge = list(base, "-t", tokenizer, "--hidden", "16777216", "--heads", "1");
    refuses("more bytes than can be counted", list(huge, "--layers", "4096"));
    refuses("--layers must be between 1 and 4096, not -2", list(huge, "--layers", "-2"));
    refuses(
        "1.51G parameters with --batch 4096 --sequence 2048 need ",
        list(base, "-t", tokenizer, "--preset", "1.5B", "--batch", "4096"));
    assertFalse(Files.exists(run));
  }

  private static List<String> list(List<String> arguments, String... more) {
    return List.of(with(arguments, more));
  }

  @Test
  void refusesDataThatCannotTeach() throws IOException {
    Path none = folder.resolve("none.txt");
    refuses(none + ": no such file", newModel(none, run));
    refuses(folder + ": is a folder", newModel(folder, run));
    Path brief = Files.writeString(folder.resolve("brief"), "Once upon a time.");
    refuses(
        "--data " + brief + ": has 11 tokens, but one window of 32 needs 33", newModel(brief, run));
    refuses(
        "--valid " + brief + ": has 11 tokens, but one window of 32 needs 33",
        newModel(data, run, "--valid", brief));
    Path bytes = Files.write(folder.resolve("bytes"), new byte[] {'a', (byte) 0xFF});
    refuses(bytes + ": line 1 is not UTF-8", newModel(bytes, run));
    Path column = CommandLineFixtures.testData("dataset/other-columns.arrow");
    refuses("has no column input_ids", newModel(column, run));
    Path ids = CommandLineFixtures.testData("dataset/wide-id.arrow");
    refuses("is not in the vocabulary (0 to 499)", newModel(ids, run));
    Path empty = Files.createFile(folder.resolve("empty.txt"));
    refuses(
        "--data " + empty + ": has 0 tokens, but one window of 32 needs 33", newModel(empty, run));
    assertFalse(Files.exists(run));
  }

  @Test
  void refusesBrokenDatasets() throws IOException {
    Path empty = CommandLineFixtures.testData("dataset/empty.arrow");
    refuses("--data " + empty + ": has 0 tokens", newModel(empty, run));
    for (String type : List.of("type-list-float", "type-string", "type-int32")) {
      Path other = CommandLineFixtures.testData("dataset/" + type + ".arrow");
      refuses(other + ": column input_ids", newModel(other, run));
    }
    Path absent = CommandLineFixtures.testData("dataset/null-id.arrow");
    refuses(absent + ": has null ids", newModel(absent, run));
    byte[] whole =
        Files.readAllBytes(CommandLineFixtures.testData("dataset/file-list-int32.arrow"));
    for (int length : new int[] {9, whole.length / 2, whole.length - 1}) {
      Path cut = Files.write(folder.resolve("cut.arrow"), Arrays.copyOf(whole, length));
      refuses(cut + ": ", newModel(cut, run));
    }
    TokenizerFingerprint maker = TokenizerFingerprint.of(Tokenizer.load(TOKENIZER), TOKENIZER);
    for (int id : new int[] {-1, 500, Integer.MAX_VALUE}) {
      Path foreign = folder.resolve("foreign.arrow");
      try (DatasetWriter writer = DatasetWriter.create(foreign, maker)) {
        writer.append(new int[] {1, 2, id, 3}, 0, 4);
        writer.endRow();
        writer.finish();
      }
      List<String> parts =
          List.of(foreign + ": ", " " + id + " ", "is not in the vocabulary (0 to 499)");
      CommandLineFixtures.assertRefused(parts, TrainFixtures.run(newModel(foreign, run)));
    }
    assertFalse(Files.exists(run));
  }

  @Test
  void refusesFoldersThatHoldSomethingElse() throws IOException {
    refuses(data + ": the output is the same as the input", newModel(data, data));
    Path mine = Files.createDirectory(folder.resolve("mine"));
    Files.writeString(mine.resolve("letter.txt"), "Dear");
    refuses(mine + ": exists and holds 'letter.txt'", newModel(data, mine));
    Path model = CommandLineFixtures.model(folder);
    refuses(model + ": exists and holds 'config.json'", newModel(data, model));
    train(eightSteps(run));
    refuses(run + ": already contains a run (step-000008); add --resume", newModel(data, run));
    assertEquals(List.of("letter.txt"), CommandLineFixtures.content(mine));
    assertEquals(RUN, CommandLineFixtures.content(run));
    List<String> withoutRun = newModel(data, mine);
    withoutRun.add("--resume");
    refuses(mine + ": has no checkpoint to resume from", withoutRun);
  }

  @Test
  void resumesNothingElseThanTheRunThatWas() throws IOException {
    train(eightSteps(run, "--save-every", 4));
    byte[] before = weights(run);
    for (List<String> other :
        List.of(
            List.of("--lr", "0.02", "--lr: 0.02 is not the 0.01 of the run to resume"),
            List.of("--batch", "3", "--batch: 3 is not the 2"),
            List.of("--sequence", "16", "--sequence: 16 is not the 32"),
            List.of("--seed", "7", "--seed: 7 is not the 1"),
            List.of("--dropout", "0.5", "--dropout: 0.5 is not the 0.0"),
            List.of(
                "--layers", "3", "--layers, --hidden, --heads: do not match the model of the run"),
            List.of(
                "-m",
                CommandLineFixtures.model(folder).toString(),
                "does not match the model of the run"),
            List.of(
                "-t",
                CommandLineFixtures.testData("tokenizer/base/tokenizer.json").toString(),
                "is not the tokenizer of the run"))) {
      List<String> resume = new ArrayList<>(List.of("train", "--data", data.toString()));
      resume.addAll(List.of("--resume", "-o", run.toString(), other.get(0), other.get(1)));
      if (other.getFirst().equals("--layers")) {
        resume.addAll(List.of("--hidden", "32", "--heads", "2"));
      }
      refuses(other.getLast(), resume);
    }
    Path more = TrainFixtures.tales(folder.resolve("more.txt"), 401, 1);
    List<String> resume = List.of("train", "--resume", "-o", run.toString(), "--data");
    refuses("the training data have ", list(resume, more.toString()));
    assertArrayEquals(before, weights(run));
  }

  @Test
  void helpExplains() {
    Result help = CommandLineHarness.run("train", "--help");
    assertEquals(0, help.code());
    for (String option : List.of("--preset", "--accumulate", "--eval-every", "--recompute")) {
      assertTrue(help.out().contains(option), option);
    }
    refuses("--data", List.of("train", "-o", "x"));
  }
}
