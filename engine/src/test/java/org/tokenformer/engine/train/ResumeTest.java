package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.measure.Evaluator;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.testing.GoldenCase.Computing;

/** Stopping and resuming runs, and checkpoints after failures. */
final class ResumeTest {
  private static final int STEPS = 26;
  private static final RunFolder.Kept KEPT = new RunFolder.Kept(2, false);

  @TempDir Path temporary;
  private Path folder = Path.of("");
  private Path tokenizer = Path.of("");
  private final TokenSource data = TokenSource.of(Runs.pattern(500, 1));

  @BeforeEach
  void files() throws IOException {
    folder = temporary.resolve("run");
    tokenizer = temporary.resolve("t.json");
    Files.writeString(tokenizer, "{\"any\": 1}");
  }

  /** Records all events; continues after a failed checkpoint by default. */
  private static final class Heard implements RunListener {
    final List<Double> losses = new ArrayList<>();
    final List<Double> smoothed = new ArrayList<>();
    final List<Double> validations = new ArrayList<>();
    final List<String> saved = new ArrayList<>();
    final List<String> failures = new ArrayList<>();
    boolean goesOn = true;

    @Override
    public void step(TrainingStep step) {
      losses.add(step.loss());
      smoothed.add(step.smoothedLoss());
    }

    @Override
    public void grown(int step, TokenFormerConfig before, TokenFormerConfig after) {
      throw new AssertionError("nothing was to grow");
    }

    @Override
    public void validated(int step, long tokens, double loss) {
      validations.add(loss);
    }

    @Override
    public void saved(Path checkpoint) {
      saved.add(checkpoint.getFileName().toString());
    }

    @Override
    public boolean saveFailed(int step, IOException reason) {
      failures.add(step + ": " + reason.getMessage());
      return goesOn;
    }
  }

  private final Heard heard = new Heard();

  private boolean begin(Backend backend, TrainingOptions options, Cancellation cancellation)
      throws IOException {
    try (TrainableModel model = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, options);
        RunFolder run = RunFolder.create(folder, tokenizer, KEPT)) {
      return new TrainingRun(trainer, run, 10, validation(), heard).run(cancellation);
    }
  }

  private static TrainingRun.Validation validation() {
    TokenSource data =
        TokenSource.of(Runs.pattern(400, 2)); // at least one window of the model's context length
    return new TrainingRun.Validation(
        (model, cancellation) -> Evaluator.loss(model, data, cancellation), 8);
  }

  private boolean goOn(Backend backend) throws IOException {
    SavedRun saved = saved();
    try (TrainableModel model = saved.model(backend);
        Trainer trainer = saved.trainer(model, data, saved.options());
        RunFolder run = RunFolder.resume(folder, KEPT)) {
      return new TrainingRun(trainer, run, 10, validation(), heard).run(null);
    }
  }

  private SavedRun saved() throws IOException {
    return SavedRun.open(Objects.requireNonNull(RunFolder.latest(folder)));
  }

  private Map<String, float[]> savedWeights() throws IOException {
    try (Backend backend = Computing.SCALAR.open();
        TrainableModel model = saved().model(backend)) {
      return Runs.weights(model.model());
    }
  }

  private List<String> entries() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void anInterruptedRunSavesAndEnds() throws IOException {
    try (Backend backend = Computing.SCALAR.open()) {
      Cancellation interrupting =
          () -> {
            if (heard.losses.size() == 3) {
              Thread.currentThread().interrupt();
            }
            return false;
          };
      assertFalse(begin(backend, Runs.options(STEPS, 2, 0.1), interrupting));
      assertTrue(Thread.interrupted(), "the status stays set");
      assertEquals(3, saved().stepsDone());
      assertEquals(List.of(), heard.failures);
      assertTrue(goOn(backend));
      assertEquals(STEPS, saved().stepsDone());
    }
  }

  @Test
  void aRunThatStopsGoesOnToTheSameBits() throws IOException {
    TrainingOptions options = Runs.options(STEPS, 2, 0.1);
    Path whole = temporary.resolve("whole");
    folder = whole;
    try (Backend backend = Computing.SCALAR.open()) {
      assertTrue(begin(backend, options, () -> false));
      Map<String, float[]> expected = savedWeights();
      List<Double> losses = List.copyOf(heard.losses);
      List<Double> smoothed = List.copyOf(heard.smoothed);
      List<Double> validations = List.copyOf(heard.validations);
      for (int stop : new int[] {1, STEPS / 2, STEPS - 1}) {
        folder = temporary.resolve("stops at " + stop);
        heard.losses.clear();
        heard.smoothed.clear();
        heard.validations.clear();
        assertFalse(begin(backend, options, () -> heard.losses.size() == stop));
        assertEquals(stop, saved().stepsDone());
        assertTrue(goOn(backend));
        assertEquals(losses, heard.losses);
        assertEquals(smoothed, heard.smoothed);
        assertEquals(validations, heard.validations.stream().distinct().toList());
        TrainerTest.assertSame(expected, savedWeights());
        for (String file :
            List.of(CheckpointFiles.MOMENTS, CheckpointFiles.STATE, Checksums.FILE)) {
          Path one = last(whole).resolve(file);
          assertEquals(-1, Files.mismatch(one, last(folder).resolve(file)), file);
        }
      }
    }
  }

  private static Path last(Path run) throws IOException {
    return Objects.requireNonNull(RunFolder.latest(run));
  }

  @Test
  void threadsChangeNothing() throws IOException {
    Path first = temporary.resolve("run1");
    for (int threads : new int[] {1, 2, 3, 7}) {
      folder = temporary.resolve("run" + threads);
      try (Backend backend = Computing.VECTOR_256.open(threads)) {
        begin(backend, Runs.options(5, 2, 0.1), () -> false);
      }
      Path weights = Path.of(ModelFolder.WEIGHTS_FILE);
      assertEquals(-1, Files.mismatch(last(first).resolve(weights), last(folder).resolve(weights)));
      Path moments = Path.of(CheckpointFiles.MOMENTS);
      assertEquals(-1, Files.mismatch(last(first).resolve(moments), last(folder).resolve(moments)));
    }
  }

  @Test
  void theFolderIsAModel() throws IOException {
    try (Backend backend = Computing.SCALAR.open()) {
      begin(backend, Runs.options(25, 1, 0), () -> false);
      assertEquals(List.of("step-000010", "step-000020", "step-000025"), heard.saved);
      assertEquals(
          List.of(
              ".lock",
              "config.json",
              "latest",
              "model.safetensors",
              "step-000020",
              "step-000025",
              "tokenizer.json"),
          entries());
      try (ModelFolder model = ModelFolder.open(folder, LoadMode.MAP);
          ModelFolder last = ModelFolder.open(last(folder), LoadMode.MAP)) {
        assertEquals(Runs.CONFIG, model.config());
        assertEquals(-1, Files.mismatch(model.weightsFile(), last.weightsFile()));
      }
      assertEquals(Files.readString(tokenizer), Files.readString(folder.resolve("tokenizer.json")));
      String message =
          refused(() -> RunFolder.create(folder, tokenizer, KEPT), "step-000025 of another run");
      assertTrue(message.startsWith(folder + ": "), message);
    }
    assertEquals(0, HostScope.liveBytes());
  }

  private static String refused(Executable action, String... parts) {
    String message = String.valueOf(assertThrows(IOException.class, action).getMessage());
    for (String part : parts) {
      assertTrue(message.contains(part), message);
    }
    assertFalse(message.contains("\n"), message);
    return message;
  }

  @Test
  void anotherRunIsNotResumed() throws IOException {
    refused(() -> RunFolder.resume(folder, new RunFolder.Kept(1, false)), "no checkpoint");
    try (Backend backend = Computing.SCALAR.open()) {
      begin(backend, Runs.options(4, 1, 0), () -> false);
      SavedRun saved = saved();
      TrainingOptions o = saved.options();
      assertEquals(Runs.options(4, 1, 0), o);
      try (TrainableModel model = saved.model(backend)) {
        String fewer =
            String.valueOf(
                assertThrows(
                        TrainingDataException.class,
                        () -> saved.trainer(model, TokenSource.of(Runs.pattern(499, 1)), o).close())
                    .getMessage());
        assertTrue(fewer.contains("have 499 ids") && fewer.contains("had 500"), fewer);
        int[] ids = Runs.pattern(500, 1);
        ids[499]++;
        TokenSource other = TokenSource.of(ids);
        assertThrows(TrainingDataException.class, () -> saved.trainer(model, other, o).close());
        TrainingOptions seed = new TrainingOptions(o.schedule(), o.shape(), 1, o.optimizer(), 0, 8);
        refused(() -> saved.trainer(model, data, seed).close(), "seed: 8 is not the 7");
        TrainingOptions sequence =
            new TrainingOptions(
                o.schedule(), new TrainingShape(3, 17, false), 1, o.optimizer(), 0, 7);
        refused(() -> saved.trainer(model, data, sequence).close(), "sequence: 17 is not the 16");
        TrainingOptions longer =
            new TrainingOptions(
                new Schedule(6, 0, 1e-3, 0),
                new TrainingShape(2, 16, true),
                2,
                o.optimizer(),
                0.5,
                7);
        try (Trainer trainer = saved.trainer(model, data, longer)) {
          assertEquals(5, trainer.step(null).step());
        }
      }
    }
  }

  /** With one window of data and a constant rate, a step depends on weights and moments only. */
  @Test
  void aNewRunCanTakeOverTheMoments() throws IOException {
    TokenSource window = TokenSource.of(Runs.pattern(17, 1));
    try (Backend backend = Computing.SCALAR.open()) {
      Map<String, float[]> expected = null;
      try (TrainableModel model = Runs.model(backend);
          Trainer trainer = new Trainer(model, window, constant(9));
          RunFolder run = RunFolder.create(folder, tokenizer, KEPT)) {
        for (int step = 1; step <= 9; step++) {
          trainer.step(null);
          if (step == 4 || step == 6) {
            run.save(trainer, Double.NaN);
          }
        }
        expected = Runs.weights(model.model());
      }
      SavedRun four = SavedRun.open(folder.resolve("step-000004"));
      Path next = temporary.resolve("next");
      try (TrainableModel model = four.model(backend);
          Trainer trainer = four.newRun(model, window, constant(5));
          RunFolder run = RunFolder.create(next, tokenizer, KEPT)) {
        assertEquals(0, trainer.stepsDone());
        trainer.step(null);
        trainer.step(null);
        run.save(trainer, Double.NaN);
        Path moments = Path.of(CheckpointFiles.MOMENTS);
        assertEquals(
            -1,
            Files.mismatch(
                folder.resolve("step-000006").resolve(moments), last(next).resolve(moments)));
      }
      SavedRun two = SavedRun.open(last(next)); // which knows that its moments have six steps
      try (TrainableModel model = two.model(backend);
          Trainer trainer = two.trainer(model, window, two.options())) {
        while (!trainer.isDone()) {
          trainer.step(null);
        }
        assertEquals(5, trainer.stepsDone());
        TrainerTest.assertSame(expected, Runs.weights(model.model()));
      }
    }
  }

  private static TrainingOptions constant(int steps) {
    TrainingOptions base = Runs.options(steps, 1, 0);
    return new TrainingOptions(
        new Schedule(steps, 0, 1e-2, 1e-2), base.shape(), 1, base.optimizer(), 0, 7);
  }

  /** The rates of an extended run are those of the new schedule from the next step on. */
  @Test
  void aRunThatIsDoneCanBeExtended() throws IOException {
    try (Backend backend = Computing.SCALAR.open()) {
      assertTrue(begin(backend, Runs.options(6, 1, 0), () -> false));
      SavedRun saved = saved();
      TrainingOptions longer =
          TrainingChoices.NONE.with(TrainingOption.STEPS, 12).resuming(saved.options());
      assertEquals(new Schedule(12, 3, 1e-2, 1e-3), longer.schedule());
      try (TrainableModel model = saved.model(backend);
          Trainer trainer = saved.trainer(model, data, longer)) {
        // 0.001 + 0.009 (1 + cos(π 4/9))/2
        assertEquals(0.0062814168, trainer.step(null).learningRate(), 1e-9);
        while (!trainer.isDone()) {
          trainer.step(null);
        }
        assertEquals(12, trainer.stepsDone());
      }
    }
  }

  /**
   * Validation losses that fall and rise again; checkpoints every 10 steps, validations every 8.
   */
  @Test
  void theBestCheckpointIsKept() throws IOException {
    TrainingOptions options = Runs.options(40, 1, 0);
    double[] losses = {5, 3, 4, 3.5, 3.25};
    RunFolder.Kept best = new RunFolder.Kept(1, true);
    Path named = folder.resolve("best");
    try (Backend backend = Computing.SCALAR.open()) {
      try (TrainableModel model = Runs.model(backend);
          Trainer trainer = new Trainer(model, data, options);
          RunFolder run = RunFolder.create(folder, tokenizer, best)) {
        assertNull(RunFolder.best(folder));
        TrainingRun.Validation validation = scripted(losses);
        Cancellation stop = () -> heard.validations.size() == 3;
        assertFalse(new TrainingRun(trainer, run, 10, validation, heard).run(stop));
      }
      assertEquals(
          List.of("step-000008", "step-000010", "step-000016", "step-000020", "step-000024"),
          heard.saved);
      assertEquals(List.of("step-000016", "step-000024"), checkpoints());
      assertEquals(new RunFolder.Checkpoint(16, 40, 3), RunFolder.Checkpoint.read(named));
      assertEquals(new RunFolder.Checkpoint(24, 40, 4), RunFolder.Checkpoint.read(last(folder)));

      SavedRun saved = saved();
      try (TrainableModel model = saved.model(backend);
          Trainer trainer = saved.trainer(model, data, saved.options());
          RunFolder run = RunFolder.resume(folder, best)) {
        TrainingRun.Validation validation = scripted(3.5, 3.25);
        assertTrue(new TrainingRun(trainer, run, 100, validation, heard).run(null));
      }
      assertEquals(List.of("step-000016", "step-000040"), checkpoints());
      assertEquals(named, RunFolder.best(folder));
      assertEquals(Path.of("step-000016"), Files.readSymbolicLink(named));
      SavedRun.open(named); // checksums match
    }
  }

  @Test
  void theBestCheckpointIsFoundAfterAKillAndCopiedWithoutLinks() throws IOException {
    RunFolder.Kept kept = new RunFolder.Kept(3, true);
    try (Backend backend = Computing.SCALAR.open();
        TrainableModel model = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, Runs.options(9, 1, 0))) {
      try (RunFolder run = RunFolder.create(folder, tokenizer, KEPT)) {
        for (double loss : new double[] {4, 3, 3.5}) {
          trainer.step(null);
          run.save(trainer, loss);
        }
      }
      RunFolder.resume(folder, kept).close(); // as if killed before the link was made
      Path best = folder.resolve("best");
      assertEquals(3, RunFolder.Checkpoint.read(best).validationLoss());
      Files.delete(best);
      copy(last(folder), best); // as on a file system without links
      try (RunFolder run = RunFolder.resume(folder, kept)) {
        assertEquals(2, SavedRun.open(best).stepsDone());
        trainer.step(null);
        run.save(trainer, 2);
      }
      assertFalse(Files.isSymbolicLink(best));
      assertEquals(4, SavedRun.open(best).stepsDone());
      assertEquals(List.of("step-000002", "step-000003", "step-000004"), checkpoints());
    }
  }

  private static TrainingRun.Validation scripted(double... losses) {
    Iterator<Double> next = Arrays.stream(losses).iterator();
    return new TrainingRun.Validation((model, cancellation) -> next.next(), 8);
  }

  private List<String> checkpoints() throws IOException {
    return entries().stream().filter(name -> name.startsWith("step-")).toList();
  }

  @Test
  void damageIsFound() throws IOException {
    try (Backend backend = Computing.SCALAR.open()) {
      begin(backend, Runs.options(3, 1, 0), () -> false);
    }
    Path checkpoint = last(folder);
    List<String> files = new ArrayList<>(CheckpointFiles.ALL);
    files.add(Checksums.FILE);
    for (String name : files) {
      Path file = checkpoint.resolve(name);
      byte[] whole = Files.readAllBytes(file);
      byte[] flipped = whole.clone();
      flipped[whole.length / 2] ^= 1;
      Files.write(file, flipped);
      refused(this::saved, checkpoint.toString(), "delete " + checkpoint);
      Files.write(file, Arrays.copyOf(whole, whole.length / 2));
      refused(this::saved, checkpoint.toString(), "delete " + checkpoint);
      Files.delete(file);
      refused(this::saved, file.toString(), "is missing", "delete " + checkpoint);
      Files.write(file, whole);
      assertEquals(3, saved().stepsDone());
    }
    // An edited state with matching checksums.
    Path state = checkpoint.resolve(CheckpointFiles.STATE);
    String json = Files.readString(state);
    for (String[] change :
        new String[][] {
          {"\"step\": 3", "\"step\": -3", "has a negative count"},
          {"\"step\": 3", "\"step\": 4", "step: 4 is more than the run's 3 steps"},
          {"\"losses\": 3", "\"losses\": -3", "has a negative count"},
          {"\"lowest_loss\": ", "\"lowest_loss\": 1e999, \"x\": ", "not a finite number"},
          {"\"sequence\": 16", "\"sequence\": 999", "sequence: 999 is more than the model's"},
          {"\"step\": 3", "\"step\": 3.5", "step: '3.5' is not a whole number"},
          {"\"format\": 2", "\"format\": 3", "format: 3 is not 2"},
          {"\"lr\": 0.01", "\"lr\": 0", "lr must be a number above 0, not 0.0"},
          {"\"seed\": \"7\"", "\"seed\": \"x\"", "seed: is not a 64-bit integer"},
          {"\"moment_steps\": 0", "\"moment_steps\": -1", "has a negative count"},
          {
            "\"valid_loss\": ",
            "\"valid_loss\": true, \"x\": ",
            "valid_loss: 'true' is not a number"
          },
          {"\"data_sha256\"", "\"data_sha\"", "data_sha256: is missing"},
          {"{", "[", "is not valid JSON"},
        }) {
      Files.writeString(state, json.replace(change[0], change[1]));
      Checksums.write(checkpoint, CheckpointFiles.ALL);
      refused(this::saved, "state.json: ", change[2]);
    }
  }

  @Test
  void aSaveThatFailsHalfWayLeavesTheLastOne() throws IOException {
    AtomicInteger downloads = new AtomicInteger(Integer.MAX_VALUE);
    try (Backend backend = Computing.SCALAR.open()) {
      Backend failing =
          (Backend)
              Proxy.newProxyInstance(
                  Backend.class.getClassLoader(),
                  new Class<?>[] {Backend.class},
                  (proxy, method, arguments) -> {
                    if (method.getName().equals("download") && downloads.getAndDecrement() == 0) {
                      throw new UncheckedIOException(new IOException("the device is gone"));
                    }
                    try {
                      return method.invoke(backend, arguments);
                    } catch (InvocationTargetException e) {
                      throw Objects.requireNonNull(e.getCause());
                    }
                  });
      try (TrainableModel model = Runs.model(failing);
          Trainer trainer = new Trainer(model, data, Runs.options(9, 1, 0));
          RunFolder run = RunFolder.create(folder, tokenizer, KEPT)) {
        trainer.step(null);
        run.save(trainer, Double.NaN);
        List<String> before = entries();
        trainer.step(null);
        for (int after : new int[] {0, 5, model.model().weights().size() + 3}) {
          downloads.set(after);
          assertThrows(UncheckedIOException.class, () -> run.save(trainer, Double.NaN));
          assertEquals(before, entries());
          assertEquals(1, saved().stepsDone());
        }
        downloads.set(Integer.MAX_VALUE);
        run.save(trainer, Double.NaN);
        assertEquals(2, saved().stepsDone());
      }
    }
  }

  @Test
  void aRunGoesOnWhenItCannotBeSaved() throws IOException {
    Files.createDirectories(folder);
    Path inTheWay = Files.writeString(folder.resolve("step-000010"), "");
    try (Backend backend = Computing.SCALAR.open()) {
      assertTrue(begin(backend, Runs.options(25, 1, 0), () -> false));
      assertEquals(1, heard.failures.size());
      assertTrue(heard.failures.getFirst().startsWith("10: " + inTheWay), "" + heard.failures);
      assertEquals(List.of("step-000020", "step-000025"), heard.saved);

      folder = temporary.resolve("last");
      Files.createDirectories(folder);
      Files.writeString(folder.resolve("step-000008"), "");
      refused(
          () -> begin(backend, Runs.options(8, 1, 0), () -> false),
          "step 8 was not saved: ",
          "step-000008: exists",
          "no checkpoint yet");
    }
  }

  @Test
  void aRunStopsWhenItCannotBeSavedAndIsToStop() throws IOException {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("step-000020"), "");
    heard.goesOn = false;
    try (Backend backend = Computing.SCALAR.open()) {
      refused(
          () -> begin(backend, Runs.options(25, 1, 0), () -> false),
          "step 20 was not saved: ",
          "step-000020: exists",
          "the last good checkpoint is " + folder.resolve("step-000010"));
      assertEquals(1, heard.failures.size());
      assertEquals(20, heard.losses.size());
      assertEquals(10, saved().stepsDone());
      Files.delete(folder.resolve("step-000020"));
      assertTrue(goOn(backend));
    }
  }

  @Test
  void copiesFromWhereThereAreNoLinksBecomeLinks() throws IOException {
    try (Backend backend = Computing.SCALAR.open()) {
      begin(backend, Runs.options(25, 1, 0), () -> heard.losses.size() == 10);
      for (String file : List.of("config.json", "model.safetensors", "tokenizer.json")) {
        Path copy = folder.resolve(file);
        byte[] bytes = Files.readAllBytes(copy);
        Files.delete(copy);
        Files.write(copy, bytes);
      }
      assertTrue(goOn(backend));
      String weights = ModelFolder.WEIGHTS_FILE;
      assertEquals(-1, Files.mismatch(last(folder).resolve(weights), folder.resolve(weights)));
    }
  }

  @Test
  void whatAKilledRunLeftIsCleared() throws IOException {
    try (Backend backend = Computing.SCALAR.open()) {
      begin(backend, Runs.options(3, 1, 0), () -> false);
      List<String> whole = entries();
      copy(last(folder), folder.resolve(".step-000004.1x2y.tmp"));
      Files.createSymbolicLink(folder.resolve(".latest.1x2y.tmp"), Path.of("step-000004"));
      Files.writeString(folder.resolve(".model.safetensors.1x2y.tmp"), "half a copy");
      // Killed after the new checkpoint was written, before the link to it.
      copy(last(folder), folder.resolve("step-000005"));
      RunFolder.resume(folder, KEPT).close();
      List<String> expected = new ArrayList<>(whole);
      expected.add(expected.indexOf("step-000003") + 1, "step-000005");
      assertEquals(expected, entries());
      assertEquals(Path.of("step-000005"), Files.readSymbolicLink(folder.resolve("latest")));
    }
  }

  @Test
  void aFolderIsOneRunsWhileItIsOpen() throws IOException {
    try (Backend backend = Computing.SCALAR.open()) {
      begin(backend, Runs.options(3, 1, 0), () -> false);
      RunFolder first = RunFolder.resume(folder, KEPT);
      refused(() -> RunFolder.resume(folder, KEPT), "another run is writing to it");
      first.close();
      RunFolder.resume(folder, KEPT).close();
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    Files.walkFileTree(
        from,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes)
              throws IOException {
            Files.createDirectories(to.resolve(from.relativize(folder)));
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.copy(file, to.resolve(from.relativize(file)), StandardCopyOption.COPY_ATTRIBUTES);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  @Test
  void aRunThatDivergesNamesTheLastGoodCheckpoint() throws IOException {
    TrainingOptions base = Runs.options(60, 1, 0);
    TrainingOptions wild =
        new TrainingOptions(
            new Schedule(60, 50, 1e7, 1e7), base.shape(), 1, base.optimizer(), 0, 7);
    try (Backend backend = Computing.SCALAR.open();
        TrainableModel model = Runs.model(backend);
        Trainer trainer = new Trainer(model, data, wild);
        RunFolder run = RunFolder.create(folder, tokenizer, KEPT)) {
      TrainingRun training = new TrainingRun(trainer, run, 1, null, heard);
      DivergedException e = assertThrows(DivergedException.class, () -> training.run(null));
      String message = String.valueOf(e.getMessage());
      assertTrue(message.startsWith("step " + e.step() + ": "), message);
      assertTrue(message.contains("last good checkpoint is " + last(folder)), message);
      assertEquals(e.step() - 1, saved().stepsDone(), message);
    }
  }
}
