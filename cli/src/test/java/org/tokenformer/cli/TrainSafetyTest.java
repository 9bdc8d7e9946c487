package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.train.RunFolder;
import org.tokenformer.engine.train.SavedRun;

/**
 * What becomes of a run's checkpoints when the disk is full, and of a run whose files are damaged.
 */
class TrainSafetyTest {
  private static final List<String> FILES =
      List.of(
          "config.json",
          "model.safetensors",
          "tokenizer.json",
          "training/state.json",
          "training/moments.safetensors");

  @TempDir private Path folder;
  private Path data = Path.of("");
  private Path run = Path.of("");

  @BeforeEach
  void writeTales() throws IOException {
    data = TrainFixtures.tales(folder.resolve("tales.txt"), 400, 1);
    run = folder.resolve("run");
  }

  private List<String> eightSteps(Path output, Object... more) {
    List<String> arguments = TrainFixtures.newModel(data, output, more);
    arguments.addAll(List.of("--batch", "2", "--steps", "8"));
    return arguments;
  }

  /**
   * Makes a run that stands at step 4 of 8, with all files that it will ever have; its last bits.
   */
  private Path atStepFour() throws IOException {
    TrainFixtures.train(eightSteps(run, "--save-every", 4));
    Path end = folder.resolve("end");
    Files.move(run.resolve("step-000008"), end);
    RunFolder.resume(run, new RunFolder.Kept(3, false)).close();
    return end;
  }

  private static Path last(Path run) throws IOException {
    return Objects.requireNonNull(RunFolder.latest(run));
  }

  private Result runWithSmallFiles(Object... more) throws Exception {
    List<String> arguments = eightSteps(run, more);
    arguments.addAll(List.of("--save-every", "1", "--quiet", "--resume"));
    return CommandLineHarness.runWithSmallFiles(64, arguments.toArray(String[]::new));
  }

  private void assertAsItWas(List<String> content) throws IOException {
    assertEquals(content, CommandLineFixtures.content(run));
    assertEquals(4, SavedRun.open(last(run)).stepsDone());
    ModelFolder.open(run, LoadMode.MAP).close();
  }

  @Test
  void aFullDiskEndsARunOrNotAndHarmsNoCheckpoint() throws Exception {
    Path end = atStepFour();
    List<String> content = CommandLineFixtures.content(run);

    Result goneOn = runWithSmallFiles();
    assertEquals(2, goneOn.code(), goneOn.err());
    List<String> unsaved = lines(goneOn, "not saved");
    assertEquals(4, unsaved.size(), goneOn.err());
    for (int step = 5; step < 8; step++) {
      String line = unsaved.get(step - 5);
      assertEquals(
          "warning: step %d was not saved; training continues and tries again at the next checkpoint:"
                  .formatted(step)
              + " %s: cannot write: File too large; nothing was changed"
                  .formatted(run.resolve("step-00000" + step + "/model.safetensors")),
          line);
    }
    assertEquals(notSaved(8), unsaved.getLast());
    assertAsItWas(content);

    Result stopped = runWithSmallFiles("--on-save-error", "stop");
    assertEquals(2, stopped.code(), stopped.err());
    assertEquals(List.of(notSaved(5)), lines(stopped, "not saved"));
    assertAsItWas(content);

    TrainFixtures.train(eightSteps(run, "--resume"));
    assertEquals(8, SavedRun.open(last(run)).stepsDone());
    for (String file : FILES) {
      assertEquals(-1, Files.mismatch(end.resolve(file), last(run).resolve(file)), file);
    }
  }

  private String notSaved(int step) {
    Path checkpoint = run.resolve("step-00000" + step + "/model.safetensors");
    return "error: step %d was not saved: %s: cannot write: File too large; nothing was changed;"
            .formatted(step, checkpoint)
        + " the last good checkpoint is %s; fix the problem and resume the run"
            .formatted(run.resolve("step-000004"));
  }

  /** Without the JVM's notices and those of plots, which may be too large as well. */
  private static List<String> lines(Result result, String part) {
    return result.errorLines().stream().filter(line -> line.contains(part)).toList();
  }

  @Test
  void aNewRunThatCannotBeSavedLeavesNothingHalfWritten() throws Exception {
    List<String> arguments = eightSteps(run, "--on-save-error", "stop", "--quiet");
    Result result = CommandLineHarness.runWithSmallFiles(64, arguments.toArray(String[]::new));
    assertEquals(2, result.code(), result.err());
    String line = lines(result, "not saved").getFirst();
    String end = "; there is no checkpoint yet to resume from; fix the problem and start again";
    assertTrue(line.endsWith(end), line);
    for (String name : CommandLineFixtures.content(run)) {
      assertTrue(name.matches("metrics\\..*|run\\.json|train-plot\\..*|\\.lock"), name);
    }
    TrainFixtures.train(eightSteps(run));
    assertEquals(8, SavedRun.open(last(run)).stepsDone());
  }

  @Test
  void damagedCheckpointsAreNotGoneOnFrom() throws Exception {
    Path _ = atStepFour();
    Path checkpoint = last(run);
    for (String name : FILES) {
      Path file = checkpoint.resolve(name);
      byte[] whole = Files.readAllBytes(file);
      byte[] flipped = whole.clone();
      flipped[whole.length / 2] ^= 1;
      Files.write(file, flipped);
      refusesToResume(
          file + ": is damaged",
          "delete " + checkpoint + " to resume from the previous checkpoint");
      Files.delete(file);
      refusesToResume(
          file + ": is missing",
          "delete " + checkpoint + " to resume from the previous checkpoint");
      Files.write(file, whole);
    }
    Path sums = checkpoint.resolve("SHA256SUMS");
    String listed = Files.readString(sums);
    Files.delete(sums);
    refusesToResume(
        sums + ": is missing", "delete " + checkpoint + " to resume from the previous checkpoint");
    Files.writeString(sums, listed);
    TrainFixtures.train(eightSteps(run, "--resume"));
  }

  /** By somebody who knows how to make the sums fit. */
  @Test
  void absurdStatesAreNotGoneOnFrom() throws Exception {
    Path _ = atStepFour();
    Path checkpoint = last(run);
    Path state = checkpoint.resolve("training/state.json");
    String json = Files.readString(state);
    for (List<String> change :
        List.of(
            List.of("\"step\": 4", "\"step\": 9", "step: 9 is more than the run's 8 steps"),
            List.of("\"step\": 4", "\"step\": 1e30", "step: '1.0E30' is far too large"),
            List.of("\"window\": ", "\"window\": -", "has a negative count"),
            List.of("\"losses\": 4", "\"losses\": -2", "has a negative count"),
            List.of(
                "\"smoothed_loss\": ", "\"smoothed_loss\": 1e999, \"x\": ", "not a finite number"),
            List.of(
                "\"sequence\": 32", "\"sequence\": 64", "sequence: 64 is more than the model's"),
            List.of("\"sequence\": 32", "\"sequence\": 2000000000", "batch: 2 sequences of"),
            List.of("\"batch\": 2", "\"batch\": 500000", "--batch 500000 --sequence 32 need"),
            List.of(
                "\"accumulate\": 1", "\"accumulate\": 0", "accumulate must be at least 1, not 0"),
            List.of("\"clip\": 1.0", "\"clip\": -1.0", "clip must be a number above 0, not -1.0"),
            List.of("\"data_tokens\": ", "\"data_tokens\": 9", "the training data have"))) {
      String changed = json.replace(change.get(0), change.get(1));
      assertTrue(!changed.equals(json), change.get(0));
      Files.writeString(state, changed);
      writeSums(checkpoint);
      List<String> resume = List.of("train", "--resume", "--data", "" + data, "-o", "" + run);
      CommandLineFixtures.assertRefused(List.of(change.get(2)), TrainFixtures.run(resume));
    }
    assertEquals(4, Integer.parseInt(last(run).getFileName().toString().substring(5)));
  }

  private void refusesToResume(String... parts) {
    CommandLineFixtures.assertRefused(
        List.of(parts), TrainFixtures.run(eightSteps(run, "--resume")));
  }

  private static void writeSums(Path checkpoint) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    List<String> lines = new ArrayList<>();
    for (String file : FILES) {
      byte[] sum = digest.digest(Files.readAllBytes(checkpoint.resolve(file)));
      lines.add(HexFormat.of().formatHex(sum) + "  " + file);
    }
    Files.write(checkpoint.resolve("SHA256SUMS"), lines);
  }
}
