package org.tokenformer.bench.soak;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.tokenformer.bench.Operands;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.AtomicFolder;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.train.GrowthOptions;
import org.tokenformer.engine.train.OptimizerOptions;
import org.tokenformer.engine.train.RunFolder;
import org.tokenformer.engine.train.RunListener;
import org.tokenformer.engine.train.SavedRun;
import org.tokenformer.engine.train.Schedule;
import org.tokenformer.engine.train.TokenSource;
import org.tokenformer.engine.train.Trainer;
import org.tokenformer.engine.train.TrainingOptions;
import org.tokenformer.engine.train.TrainingRun;
import org.tokenformer.engine.train.TrainingStep;

/**
 * Repeats one training run, with two growths and checkpoints. Each repetition is cancelled and
 * resumed at random steps, on one or two threads, and must end with the weights of the first one,
 * which is neither.
 */
final class TrainingLoad implements Load {
  private static final int VOCABULARY = 512;
  private static final int SEQUENCE = 64;
  private static final int STEPS = 60;
  private static final int SAVE_EVERY = 25;
  private static final int CANCELLATIONS = 2;
  private static final RunFolder.Kept KEPT = new RunFolder.Kept(1, false);
  private static final TokenFormerConfig CONFIG =
      TokenFormerConfig.uniform(
          3, new LayerSizes(96, 96, 384), 96, 4, VOCABULARY, SEQUENCE, Theta.L2_NORM_GELU);
  private static final TrainingOptions OPTIONS =
      new TrainingOptions(
              new Schedule(STEPS, 10, 1e-3, 1e-4),
              new TrainingShape(8, SEQUENCE, false),
              1,
              OptimizerOptions.defaults(),
              0.1,
              1)
          .with(
              new GrowthOptions(
                  List.of(
                      GrowthOptions.Stage.parse("20:ffn=512,qkv=128"),
                      GrowthOptions.Stage.parse("40:ffn=700,proj=130")),
                  GrowthInit.ZERO,
                  InitialValues.SCALED,
                  5,
                  false));

  private final Path tokenizer;
  private final Path folder;
  private final SplittableRandom random;
  private final TokenSource data;
  private final AtomicLong steps = new AtomicLong();
  private final byte[] expected;

  TrainingLoad(Path model, long seed) throws IOException {
    tokenizer = model.resolve("tokenizer.json");
    folder = Files.createTempDirectory("soak");
    random = new SplittableRandom(seed);
    data = TokenSource.of(new SplittableRandom(1).ints(100_000, 0, VOCABULARY).toArray());
    part(2, null);
    expected = finish();
  }

  @Override
  public String unit() {
    return "steps";
  }

  @Override
  public long done() {
    return steps.get();
  }

  @Override
  public void run(BooleanSupplier stop) throws IOException {
    while (!stop.getAsBoolean()) {
      for (int i = 0; i < CANCELLATIONS; i++) {
        long last = steps.get() + random.nextInt(STEPS);
        part(1 + random.nextInt(2), () -> steps.get() >= last);
      }
      part(2, null);
      if (!Arrays.equals(expected, finish())) {
        throw new WrongResultException("a run under load ended with other weights");
      }
    }
  }

  /** Starts the run, or resumes it, and continues until it is done or cancelled. */
  private void part(int threads, @Nullable Cancellation cancellation) throws IOException {
    Path latest = RunFolder.latest(folder);
    SavedRun saved = latest == null ? null : SavedRun.open(latest);
    try (Backend backend = Operands.open("vector", threads);
        TrainableModel model =
            saved == null
                ? RandomWeights.trainable(CONFIG, InitialValues.SCALED, 1, backend)
                : saved.model(backend);
        Trainer trainer =
            saved == null
                ? new Trainer(model, data, OPTIONS)
                : saved.trainer(model, data, OPTIONS);
        RunFolder runs =
            saved == null
                ? RunFolder.create(folder, tokenizer, KEPT)
                : RunFolder.resume(folder, KEPT)) {
      new TrainingRun(trainer, runs, SAVE_EVERY, null, new Counter()).run(cancellation);
    }
  }

  /** Returns the weights' file of the finished run and deletes its folder. */
  private byte[] finish() throws IOException {
    byte[] weights = Files.readAllBytes(folder.resolve("model.safetensors"));
    AtomicFolder.delete(folder);
    return weights;
  }

  @Override
  public void close() throws IOException {
    if (Files.exists(folder)) {
      AtomicFolder.delete(folder);
    }
  }

  private final class Counter implements RunListener {
    @Override
    public void step(TrainingStep step) {
      steps.incrementAndGet();
    }

    @Override
    public void grown(int step, TokenFormerConfig before, TokenFormerConfig after) {}

    @Override
    public void validated(int step, long tokens, double loss) {}

    @Override
    public void saved(Path checkpoint) {}

    @Override
    public boolean saveFailed(int step, IOException reason) {
      return false;
    }
  }
}
