package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.engine.train.RunFolder;

/** Runs that are resumed, extended and continued; their best checkpoints and their samples. */
class TrainResumeTest {
  private static final RunFolder.Kept KEPT = new RunFolder.Kept(3, false);

  @TempDir private Path folder;
  private Path data = Path.of("");
  private Path valid = Path.of("");
  private Path run = Path.of("");

  @BeforeEach
  void writeTales() throws IOException {
    data = TrainFixtures.tales(folder.resolve("tales.txt"), 400, 1);
    valid = TrainFixtures.tales(folder.resolve("valid.txt"), 40, 2);
    run = folder.resolve("run");
  }

  private List<String> eightSteps(Path output, Object... more) {
    List<String> arguments = TrainFixtures.newModel(data, output, more);
    arguments.addAll(List.of("--batch", "2", "--steps", "8"));
    return arguments;
  }

  private static Result resume(Path run, Object... more) {
    List<String> arguments = new ArrayList<>(List.of("train", "--resume", "-o", run.toString()));
    Stream.of(more).forEach(argument -> arguments.add(argument.toString()));
    return CommandLineHarness.run(arguments.toArray(String[]::new));
  }

  private static void succeeds(Result result) {
    assertEquals(0, result.code(), result.err());
  }

  private static void refuses(String part, Result result) {
    // Notes may precede the error.
    CommandLineFixtures.assertRefused(
        List.of(part), new Result(result.code(), result.out(), result.errorLines().getLast()));
  }

  private static byte[] weights(Path model) throws IOException {
    return Files.readAllBytes(model.resolve("model.safetensors"));
  }

  /** Makes a run that stands at step 4 of 8; returns what it had become at step 8. */
  private Path atStepFour(Object... more) throws IOException {
    TrainFixtures.train(eightSteps(run, more));
    Path end = folder.resolve("end");
    Files.move(run.resolve("step-000008"), end);
    RunFolder.resume(run, KEPT).close();
    return end;
  }

  private static List<String> validations(Path run) throws IOException {
    return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
        .filter(line -> line.contains("valid_loss"))
        .toList();
  }

  @Test
  void theFolderIsEnough() throws IOException {
    Path end = atStepFour("--valid", valid, "--eval-every", 3, "--save-every", 4, "--keep", 7);
    List<String> validations = validations(run);
    assertEquals(3, validations.size());
    String settings = Files.readString(run.resolve(RunSettings.FILE));
    succeeds(resume(run));
    assertArrayEquals(weights(end), weights(run));
    for (String file : List.of("training/state.json", "training/moments.safetensors")) {
      Path latest = Objects.requireNonNull(RunFolder.latest(run));
      assertEquals(-1, Files.mismatch(end.resolve(file), latest.resolve(file)), file);
    }
    assertEquals(validations, validations(run));
    assertEquals(settings, Files.readString(run.resolve(RunSettings.FILE)));
    assertTrue(settings.contains("\"keep\": 7"), settings);
    refuses("--keep must be at least 1, not 0", resume(run, "--keep", 0));
  }

  @Test
  void dataThatMovedIsNamedAgainAndValidationStays() throws IOException {
    Path end = atStepFour("--valid", valid, "--save-every", 4);
    Path moved = Files.move(data, folder.resolve("moved.txt"));
    refuses(
        data
            + ": no such file, but the run used it as --data; if it was moved, name it with --data",
        resume(run));
    succeeds(resume(run, "--data", moved));
    assertArrayEquals(weights(end), weights(run));
    assertEquals(1, validations(run).size());
    assertTrue(Files.readString(run.resolve(RunSettings.FILE)).contains(moved.toString()));
  }

  @Test
  void dataThatChangedIsRefused() throws IOException {
    Path _ = atStepFour("--valid", valid, "--save-every", 4);
    byte[] before = weights(run);
    String text = Files.readString(data);
    Files.writeString(data, text.replaceFirst("king", "ring"));
    refuses(data + ": has changed since the run used it as --data; restore it", resume(run));
    refuses("the training data ", resume(run, "--data", data));
    Files.writeString(data, text);
    Files.writeString(valid, "One more.\n", StandardOpenOption.APPEND);
    refuses(valid + ": has changed since the run used it as --valid", resume(run));
    assertArrayEquals(before, weights(run));
    succeeds(resume(run, "--valid", valid)); // named, so the change is intended
    assertEquals(1, validations(run).size());
  }

  @Test
  void aPipeCannotBeReadAgain() throws IOException {
    Path _ = atStepFour("--save-every", 4);
    Path file = run.resolve(RunSettings.FILE);
    String settings = Files.readString(file);
    Files.writeString(file, settings.replaceFirst("\"[0-9a-f]{64}\"", "\"\""));
    refuses(data + ": was not a file, so the run cannot read it again", resume(run));
    assertEquals("", DataFile.of(folder).sha256());
    for (List<String> change :
        List.of(
            List.of("\"format\": 1", "\"format\": 2", "format: 2 is not 1"),
            List.of("\"keep\": 3", "\"keep\": 0", "keep: 0 is less than 1"),
            List.of("\"data\": [", "\"data\": [\"x\",", "data_sha256: has 1 entries for 2 files"),
            List.of("\"continue\"", "\"panic\"", "on_save_error: 'panic' is not one of"),
            List.of("\"save_every\": 4", "\"save_every\": 0", "save_every: 0 is less than 1"),
            List.of("{", "[", "is not valid JSON"))) {
      String changed = settings.replace(change.get(0), change.get(1));
      assertFalse(changed.equals(settings), change.get(0));
      Files.writeString(file, changed);
      refuses(change.get(2), resume(run));
    }
  }

  @Test
  void aRunOfAnEarlierVersionIsResumedToTheSameWeights() throws IOException {
    Path saved = CommandLineFixtures.testData("runs/first-format");
    Path checkpoint = Files.createDirectories(run.resolve("step-000004"));
    Files.createDirectory(checkpoint.resolve("training"));
    try (Stream<Path> files = Files.walk(saved.resolve("step-000004"))) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Files.copy(file, checkpoint.resolve(saved.resolve("step-000004").relativize(file)));
      }
    }
    refuses(run + ": was made by an earlier version, which did not note the data", resume(run));
    succeeds(resume(run, "--data", data, "--backend", "scalar"));
    assertArrayEquals(
        Files.readAllBytes(saved.resolve("weights-after-step-8.safetensors")), weights(run));
    succeeds(resume(run, "--steps", 9, "--backend", "scalar")); // which knows its data now
  }

  @Test
  void aRunThatIsDoneIsExtended() throws IOException {
    TrainFixtures.train(eightSteps(run, "--warmup", 2));
    Result done = resume(run);
    succeeds(done);
    assertEquals(
        "nothing to do: the run has already done all its steps (8); to train further, add --steps"
            + " with a larger total, or start a new run from its model with -m",
        done.errorLines().getLast());
    refuses(
        "--steps is the run's total and must be more than the 8 steps that it has done, not 7",
        resume(run, "--steps", 7));
    refuses("--lr: 0.02 is not the 0.01 of the run", resume(run, "--steps", 9, "--lr", 0.02));
    Result longer = resume(run, "--steps", 12);
    succeeds(longer);
    // The last rate of 8 steps is a tenth; 0.001 + 0.009 (1 + cos(π 7/10))/2
    String note =
        "12 steps instead of 8: the learning rate goes from 1.00e-03 in step 8 to 2.85e-03 in step 9";
    assertTrue(longer.errorLines().contains(note), longer.err());
    assertTrue(longer.errorLines().getLast().startsWith("done after step 12 of 12"), longer.err());
    succeeds(resume(run));
  }

  @Test
  void theBestCheckpointIsKeptAndNamed() throws IOException {
    refuses(
        "--keep-best: has no effect without validation; add --valid FILE",
        TrainFixtures.run(eightSteps(run, "--keep-best")));
    List<String> arguments =
        eightSteps(run, "--valid", valid, "--eval-every", 1, "--keep-best", "--keep", 1);
    arguments.set(arguments.indexOf("--lr") + 1, "0.5"); // it soon gets worse
    arguments.addAll(List.of("--warmup", "0", "--min-lr", "0.5"));
    Result result = CommandLineHarness.run(arguments.toArray(String[]::new));
    succeeds(result);
    Path best = run.resolve("best");
    Path target = Files.readSymbolicLink(best);
    assertEquals(
        List.of(target.toString(), "step-000008"),
        CommandLineFixtures.content(run).stream().filter(f -> f.startsWith("step-")).toList());
    RunFolder.Checkpoint checkpoint = RunFolder.Checkpoint.read(best);
    String text =
        "step %d of 8, validation loss %.4f"
            .formatted(checkpoint.step(), checkpoint.validationLoss());
    assertEquals("best checkpoint: " + text + ", in " + best, result.errorLines().getLast());
    Result inspected = CommandLineHarness.run("inspect", run.toString());
    assertTrue(inspected.out().contains("best checkpoint   " + text + ", in " + best + "\n"));
    assertTrue(
        inspected.out().contains("  checkpoint        the run's latest, step 8 of 8, valid"));
    Result one = CommandLineHarness.run("inspect", best.toString());
    assertTrue(one.out().contains("  checkpoint        " + text + "\n"), one.out());
    Result eval = CommandLineHarness.run("eval", "-m", best.toString(), "--data", valid.toString());
    double loss = JsonParser.parseString(eval.out()).getAsJsonObject().get("loss").getAsDouble();
    assertEquals(checkpoint.validationLoss(), loss, 1e-6);
  }

  @Test
  void samplesAreShownAndChangeNoBit() throws IOException {
    Path plain = folder.resolve("plain");
    TrainFixtures.train(eightSteps(plain, "--dropout", 0.1));
    List<String> arguments =
        eightSteps(run, "--dropout", 0.1, "--sample-every", 3, "--sample-prompt", "There was");
    Result result = CommandLineHarness.run(arguments.toArray(String[]::new));
    succeeds(result);
    List<String> samples =
        result.errorLines().stream().filter(line -> line.contains("  sample: ")).toList();
    assertEquals(2, samples.size(), result.err());
    assertTrue(samples.getFirst().startsWith("step 3/8  sample: There was"), result.err());
    assertArrayEquals(weights(plain), weights(run));
    Path first = folder.resolve("first words");
    Result words =
        CommandLineHarness.run(eightSteps(first, "--sample-every", 8).toArray(String[]::new));
    String start = Files.readString(data).substring(0, 9);
    assertTrue(words.err().contains("step 8/8  sample: " + start), words.err());
    refuses(
        "--sample-prompt: has no effect without --sample-every; add it",
        TrainFixtures.run(eightSteps(folder.resolve("x"), "--sample-prompt", "a")));
    refuses(
        "--sample-prompt must have 1 to 31 tokens, which the model's context leaves room for, not 0",
        TrainFixtures.run(
            eightSteps(folder.resolve("x"), "--sample-every", 1, "--sample-prompt", "")));
  }

  @Test
  void momentsAreTakenAlong() throws IOException {
    TrainFixtures.train(eightSteps(run));
    Path with = folder.resolve("with");
    Path without = folder.resolve("without");
    List<String> arguments =
        new ArrayList<>(List.of("train", "--data", data.toString(), "-m", run.toString()));
    arguments.addAll(List.of("--batch", "2", "--steps", "2", "-o"));
    TrainFixtures.train(Stream.concat(arguments.stream(), Stream.of(without.toString())).toList());
    arguments.addAll(List.of(with.toString(), "--moments"));
    TrainFixtures.train(arguments);
    assertFalse(Arrays.equals(weights(with), weights(without)));
    String state =
        Files.readString(
            Objects.requireNonNull(RunFolder.latest(with)).resolve("training/state.json"));
    assertTrue(state.contains("\"moment_steps\": 8"), state);
    refuses(
        "--moments: has no effect without -m",
        TrainFixtures.run(eightSteps(folder.resolve("x"), "--moments")));
    Path model = CommandLineFixtures.model(folder);
    refuses(
        "-m " + model + ": has no moments, since it is not the folder of a run; omit --moments",
        TrainFixtures.run(
            List.of("train", "-m", "" + model, "--moments", "--data", "" + data, "-o", "x")));
  }
}
