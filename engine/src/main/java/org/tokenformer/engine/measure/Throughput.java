package org.tokenformer.engine.measure;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.train.OptimizerOptions;
import org.tokenformer.engine.train.Schedule;
import org.tokenformer.engine.train.TokenSource;
import org.tokenformer.engine.train.Trainer;
import org.tokenformer.engine.train.TrainingOptions;
import org.tokenformer.engine.train.TrainingStep;

/**
 * Measures how fast a model runs here. Each number is the median of several rounds after a warm-up;
 * it comes with the spread, since the machine may be shared.
 */
public final class Throughput {
  private static final int ROUNDS = 7;
  private static final int MIN_REPEATS = 2; // prefills or decoded tokens per round
  private static final long WARM_UP_NANOS = 1_500_000_000L;
  private static final long ROUND_NANOS = 300_000_000L;

  private final TokenFormer model;

  /** Creates a benchmark of this model. */
  public Throughput(TokenFormer model) {
    this.model = model;
  }

  /**
   * One measurement.
   *
   * @param tokensPerSecond median over the rounds
   * @param spread half the difference between the fastest and the slowest round, in tokens per
   *     second
   * @param flopsPerToken floating-point operations that the model's equations need
   * @param bytesPerToken bytes of weights and key-value cache that must be read per token if
   *     nothing stays in the processor's caches between passes; 0 if not counted
   */
  public record Measured(
      double tokensPerSecond, double spread, double flopsPerToken, double bytesPerToken) {
    /** Returns the floating-point operations per second. */
    public double flopsPerSecond() {
      return tokensPerSecond * flopsPerToken;
    }

    /** Returns the bytes read per second. */
    public double bytesPerSecond() {
      return tokensPerSecond * bytesPerToken;
    }
  }

  /**
   * Measures prefill: a whole prompt at once and the logits at its end.
   *
   * @param prompt number of prompt ids, between 1 and the context length
   */
  public Measured prefill(int prompt) {
    checkPositions("prompt", prompt);
    try (Session session = model.newSession(prompt, DType.F32)) {
      int[] ids = ids(prompt);
      double[] rates =
          rates(
              prompt,
              MIN_REPEATS,
              () -> {
                session.truncate(0);
                session.prefill(ids);
              });
      TokenFormerConfig config = model.config();
      double flops = config.blockFlops((prompt + 1) / 2.0) + config.logitsFlops() / prompt;
      return measured(rates, flops, (double) bytesOfPass(0) / prompt);
    }
  }

  /**
   * Measures decoding, one token at a time.
   *
   * @param depth position at which each token is decoded, between 0 and context length − 1
   */
  public Measured decode(int depth) {
    checkPositions("depth", depth + 1);
    try (Session session = model.newSession(depth + 1, DType.F32)) {
      if (depth > 0) {
        session.prefill(ids(depth));
      }
      double[] rates =
          rates(
              1,
              MIN_REPEATS,
              () -> {
                session.truncate(depth);
                session.decode(1 % model.config().vocabularySize());
              });
      double flops = model.config().blockFlops(depth + 1) + model.config().logitsFlops();
      return measured(rates, flops, (double) bytesOfPass(depth));
    }
  }

  /**
   * Measures decoding of several conversations together, one token of each at a time.
   *
   * @param sessions how many, between 1 and 64
   * @param depth position at which each token is decoded, between 0 and context length − 1
   */
  public Measured decodeBatch(int sessions, int depth) {
    checkPositions("depth", depth + 1);
    List<Session> all = new ArrayList<>();
    try {
      for (int i = 0; i < sessions; i++) {
        all.add(model.newSession(depth + 1, DType.F32));
        if (depth > 0) {
          all.getLast().prefill(ids(depth));
        }
      }
      int[] next = ids(sessions);
      double[] rates =
          rates(
              sessions,
              MIN_REPEATS,
              () -> {
                all.forEach(session -> session.truncate(depth));
                model.step(all, next);
              });
      double flops = model.config().blockFlops(depth + 1) + model.config().logitsFlops();
      long weights = bytesOfPass(0);
      return measured(rates, flops, (double) weights / sessions + bytesOfPass(depth) - weights);
    } finally {
      all.forEach(Session::close);
    }
  }

  /**
   * Measures whole training steps on random ids: forward, backward and optimiser. Changes the
   * weights.
   *
   * @return a measurement without bytes: what a step reads and writes depends on the processor's
   *     caches
   */
  public static Measured train(TrainableModel model, TrainingShape shape) {
    try (Trainer trainer = trainer(model, shape)) {
      TrainingStep first = trainer.step(null);
      double[] rates = rates(shape.rows(), 1, () -> trainer.step(null));
      return measured(rates, first.flops() / first.stepTokens(), 0);
    }
  }

  /** Creates a trainer for benchmarks: random ids, a constant learning rate, no last step. */
  public static Trainer trainer(TrainableModel model, TrainingShape shape) {
    double rate = 1e-4;
    TrainingOptions options =
        new TrainingOptions(
            new Schedule(Integer.MAX_VALUE, 0, rate, rate),
            shape,
            1,
            OptimizerOptions.defaults(),
            0,
            1);
    return new Trainer(model, new RandomIds(model.config().tokenizerVocabularySize()), options);
  }

  /** Random ids as training data. */
  private record RandomIds(int vocabulary) implements TokenSource {
    @Override
    public long size() {
      return 1L << 32;
    }

    @Override
    public void read(long from, int[] to, int offset, int count) {
      SplittableRandom random = new SplittableRandom(from);
      for (int i = 0; i < count; i++) {
        to[offset + i] = random.nextInt(vocabulary);
      }
    }
  }

  private void checkPositions(String what, int positions) {
    int context = model.config().contextLength();
    if (positions < 1 || positions > context) {
      throw ConfigException.of(
          what,
          positions,
          "%d positions are not between 1 and the model's context of %d"
              .formatted(positions, context));
    }
  }

  private int[] ids(int count) {
    int[] ids = new int[count];
    for (int i = 0; i < count; i++) {
      ids[i] = i % model.config().vocabularySize();
    }
    return ids;
  }

  /**
   * Returns the tokens per second of each round, sorted.
   *
   * @param minRepetitions minimum number of repetitions per round
   */
  private static double[] rates(int tokens, int minRepetitions, Runnable work) {
    run(work, minRepetitions, WARM_UP_NANOS);
    double[] rates = new double[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
      rates[round] = tokens * run(work, minRepetitions, ROUND_NANOS);
    }
    Arrays.sort(rates);
    return rates;
  }

  /** Repeats the work for at least this time; returns repetitions per second. */
  private static double run(Runnable work, int minRepetitions, long nanos) {
    long start = System.nanoTime();
    long elapsed = 0;
    int count = 0;
    while (elapsed < nanos || count < minRepetitions) {
      work.run();
      count++;
      elapsed = System.nanoTime() - start;
    }
    return count * 1e9 / elapsed;
  }

  private static Measured measured(double[] rates, double flops, double bytes) {
    double spread = (rates[rates.length - 1] - rates[0]) / 2;
    return new Measured(rates[rates.length / 2], spread, flops, bytes);
  }

  /**
   * Returns the bytes of all weights but an embedding table not shared with the head, and cache.
   */
  private long bytesOfPass(int depth) {
    TokenFormerConfig config = model.config();
    long weights = model.weightBytes();
    if (!config.tiedHead()) {
      weights -= weights / config.parameters() * config.vocabularySize() * config.hiddenSize();
    }
    return weights + 2L * config.layers().size() * depth * config.hiddenSize() * Float.BYTES;
  }
}
