package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.train.RunFolder;
import org.tokenformer.engine.train.SavedRun;

/** Runs in processes of their own that are killed, interrupted and started again. */
class TrainIT {
  private static final int SIGKILLED = 128 + 9;
  private static final long TIMEOUT_SECONDS = 120;
  private static final int STEPS = 40;

  private static final Shell SHELL =
      new Shell(Path.of(System.getProperty("project.root")))
          .with("TF_JAVA_HOME", System.getProperty("java.home"));

  // Shells let their children in the background ignore Ctrl-C, and a JVM that ignores it goes on
  // ignoring it: a build in the background would never see a run interrupted.
  private static final String TOKENFORMER =
      """
      if env --default-signal=INT true 2>/dev/null; then
        exec env --default-signal=INT ./tokenformer "$@"
      fi
      exec ./tokenformer "$@"
      """;

  @TempDir private static Path folder = Path.of("");
  private static Path data = Path.of("");
  private static Path whole = Path.of("");

  /** The run that is left alone, to compare with. */
  @BeforeAll
  static void runAsAWhole() throws Exception {
    Shell.Result version = SHELL.run("./tokenformer --version"); // which may have to make its image
    assertEquals(0, version.code(), version.err());
    data = TrainFixtures.tales(folder.resolve("tales.txt"), 400, 1);
    whole = folder.resolve("whole");
    succeeds(fortySteps(whole, 1000));
  }

  /**
   * Steps of some ten milliseconds, so that there is time to stop between the first and the last.
   */
  private static List<String> fortySteps(Path run, int saveEvery, Object... more) {
    List<String> arguments =
        TrainFixtures.newModel(data, run, "--batch", 16, "--accumulate", 2, "--dropout", 0.1);
    arguments.addAll(List.of("--steps", "" + STEPS, "--save-every", "" + saveEvery));
    for (Object argument : more) {
      arguments.add(argument.toString());
    }
    return arguments;
  }

  private static Shell.Running start(List<String> arguments) throws IOException {
    return SHELL.start(TOKENFORMER, arguments);
  }

  private static void succeeds(List<String> arguments) throws Exception {
    List<String> quietly = new ArrayList<>(arguments);
    quietly.add("--quiet");
    assertEquals(new Shell.Result(0, "", ""), start(quietly).await());
  }

  /** Waits until something has come about; fails if the run ends before, or it takes too long. */
  private static void await(Shell.Running run, Callable<Boolean> cameAbout) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
    while (!cameAbout.call()) {
      boolean inTime = System.nanoTime() < end && run.process().isAlive();
      if (!inTime) {
        run.process().destroyForcibly();
        throw new AssertionError("ended early, or waited too long: " + run.await());
      }
      Thread.sleep(1);
    }
  }

  /** SIGKILL: nothing in the process gets to do anything any more. */
  private static void kill(Shell.Running run) throws Exception {
    run.process().destroyForcibly();
    Shell.Result result = run.await();
    assertEquals(SIGKILLED, result.code(), result.err());
  }

  /** Steps of the last checkpoint, 0 if there is none. */
  private static int saved(Path run) throws IOException {
    Path last = RunFolder.latest(run);
    return last == null ? 0 : Integer.parseInt(last.getFileName().toString().substring(5));
  }

  private static long stepsTold(Path run) throws IOException {
    Path metrics = run.resolve("metrics.jsonl");
    return Files.exists(metrics) ? Files.readString(metrics).lines().count() : 0;
  }

  /** Of weights, moments and all that a run hangs on. */
  private static void assertSameBits(Path expected, Path actual) throws IOException {
    for (String file :
        List.of(
            "model.safetensors",
            "training/moments.safetensors",
            "training/state.json",
            "config.json",
            "tokenizer.json",
            "SHA256SUMS")) {
      assertEquals(-1, Files.mismatch(expected.resolve(file), actual.resolve(file)), file);
    }
  }

  private static Path last(Path run) throws IOException {
    return Objects.requireNonNull(RunFolder.latest(run));
  }

  @Test
  void aRunThatWasKilledBehindACheckpointGoesOnToTheSameBits() throws Exception {
    Path run = folder.resolve("killed behind a checkpoint");
    Shell.Running killed = start(fortySteps(run, 20));
    await(killed, () -> saved(run) == 20);
    kill(killed);
    succeeds(fortySteps(run, 20, "--resume"));
    assertSameBits(last(whole), last(run));
  }

  @Test
  void aRunThatWasKilledAnywhereGoesOnToTheSameBits() throws Exception {
    Path run = folder.resolve("killed anywhere");
    int step = 6 + seeded(0).nextInt(30);
    Shell.Running killed = start(fortySteps(run, 5));
    await(killed, () -> stepsTold(run) >= step);
    kill(killed);
    succeeds(fortySteps(run, 7, "--resume", "--threads", 1));
    assertSameBits(last(whole), last(run));
  }

  @Test
  void signalsSaveFirst() throws Exception {
    for (String signal : List.of("INT", "TERM")) {
      Path run = folder.resolve("ended by " + signal);
      Shell.Running ended = start(fortySteps(run, 1000));
      await(ended, () -> stepsTold(run) >= 5);
      assertEquals(0, SHELL.run("kill -" + signal + " " + ended.process().pid()).code());
      Shell.Result result = ended.await();
      assertEquals(signal.equals("INT") ? 130 : 143, result.code(), result.err());
      int step = saved(run);
      assertTrue(step >= 5 && step < STEPS, signal + " after step " + step);
      String expected =
          "interrupted after step %d of %d, saved as %s; smoothed loss "
              .formatted(step, STEPS, last(run));
      String line = result.err().lines().toList().getLast();
      assertTrue(line.startsWith(expected), line);
      assertEquals(step, stepsTold(run));
      succeeds(fortySteps(run, 1000, "--resume"));
      assertSameBits(last(whole), last(run));
    }
  }

  /** Two runs side by side, each of which is started and killed again and again. */
  @Test
  void whenARunIsKilledIsAllTheSame() throws Exception {
    List<Future<Integer>> chains = new ArrayList<>();
    try (ExecutorService executor = Executors.newFixedThreadPool(2)) {
      for (int chain = 1; chain <= 2; chain++) {
        Path run = folder.resolve("chain " + chain);
        Random random = seeded(chain);
        chains.add(executor.submit(() -> killedAgainAndAgain(run, 25, random)));
      }
    }
    int inSaving = chains.get(0).get() + chains.get(1).get();
    System.out.println(inSaving + " of 50 kills left a file half-written");
    assertTrue(inSaving > 0, "no kill met the saving");
  }

  private static Random seeded(int which) {
    long seed = Long.getLong("tokenformer.seed", System.nanoTime()) + which;
    System.out.println("repeat with -Dtokenformer.seed=" + (seed - which));
    return new Random(seed);
  }

  /** On the scalar backend, which starts in half the time: it is the saving that is looked at. */
  private static List<String> endless(Path run, int saveEvery) {
    List<String> arguments =
        TrainFixtures.newModel(data, run, "--batch", 1, "--dropout", 0.1, "--backend", "scalar");
    arguments.addAll(List.of("--steps", "100000", "--save-every", "" + saveEvery));
    return arguments;
  }

  private static boolean isSaving(Path run) throws IOException {
    return CommandLineFixtures.content(run).stream().anyMatch(name -> name.startsWith(".step-"));
  }

  /** Returns how many kills left something half-written. */
  private static int killedAgainAndAgain(Path run, int kills, Random random) throws Exception {
    int inSaving = 0;
    int steps = 0;
    for (int i = 0; i < kills; i++) {
      List<String> arguments = endless(run, 1);
      if (i > 0) {
        arguments.add("--resume");
      }
      Shell.Running running = start(arguments);
      int more = i == 0 ? 2 : random.nextInt(4);
      int awaited = steps + more;
      if (more == 0) {
        Thread.sleep(random.nextInt(1000)); // somewhere in its beginning
      } else {
        await(running, () -> saved(run) >= awaited);
        if (i % 2 == 0) {
          await(running, () -> isSaving(run)); // the moment that matters most
        } else {
          Thread.sleep(random.nextInt(50));
        }
      }
      kill(running);
      if (isSaving(run)) {
        inSaving++;
      }
      int now = SavedRun.open(last(run)).stepsDone();
      assertTrue(now >= awaited, "killed behind step %d, %d is left".formatted(awaited, now));
      ModelFolder.open(run, LoadMode.MAP).close();
      steps = now;
    }
    // All of it led where a run gets that saves there for the first time.
    Path straight = run.resolveSibling(run.getFileName() + " in one go");
    Shell.Running running = start(endless(straight, steps));
    int end = steps;
    await(running, () -> saved(straight) == end);
    kill(running);
    assertSameBits(last(straight), last(run));
    RunFolder.resume(run, new RunFolder.Kept(1, false)).close();
    assertFalse(isSaving(run));
    return inSaving;
  }
}
