package org.tokenformer.engine.generate;

import java.util.Arrays;
import java.util.BitSet;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.model.ConfigException;

/**
 * Chooses ids from logits according to {@link SamplingOptions}. Reuses its arrays; used by one
 * thread.
 *
 * <p>Weights are computed in double and in the order of the ids, ties go to the smaller id, and
 * random numbers come from {@link SplittableRandom}, whose sequence is specified by the Java
 * platform: the same seed and logits give the same ids everywhere.
 */
public final class Sampler {
  /** No id, because the mask allows none. */
  public static final int NONE = -1;

  private final SamplingOptions options;
  private final int vocabulary;
  private final SplittableRandom random;
  private final @Nullable TokenMask mask;
  private final BitSet allowed;
  private final @Nullable LogProbabilities logProbabilities;
  private final BitSet seen;
  private final int[] chosen; // how often each id was chosen
  private final int[] biasedIds;
  private final float[] biases;
  private final int[] candidates;
  private final double[] weights;
  private final double[] descending; // a heap with the largest weight at the root
  private final float[] heap;

  /** Creates a sampler without a mask and without log-probabilities. */
  public Sampler(SamplingOptions options, int vocabulary) {
    this(GenerationOptions.of(0).sampledBy(options), vocabulary);
  }

  /**
   * Creates a sampler with its own random numbers and mask.
   *
   * @param generation its maximum number of ids and end ids are not used
   * @param vocabulary number of ids that can be chosen, starting at 0; the logits after them are
   *     padding
   * @throws ConfigException if an id with a bias is not in the vocabulary
   */
  public Sampler(GenerationOptions generation, int vocabulary) {
    options = generation.sampling();
    mask = generation.mask() == null ? null : generation.mask().get();
    allowed = new BitSet(mask == null ? 0 : vocabulary);
    int most = generation.topLogProbabilities();
    logProbabilities = most < 0 ? null : new LogProbabilities(vocabulary, most);
    this.vocabulary = vocabulary;
    random = new SplittableRandom(options.seed());
    seen = new BitSet(vocabulary);
    boolean counts = options.presencePenalty() != 0 || options.frequencyPenalty() != 0;
    chosen = new int[counts ? vocabulary : 0];
    biasedIds = new int[options.logitBias().size()];
    biases = new float[biasedIds.length];
    int biased = 0;
    for (Map.Entry<Integer, Double> bias : options.logitBias().entrySet()) {
      if (bias.getKey() >= vocabulary) {
        throw ConfigException.notAllowed(
            "logit_bias",
            bias.getKey(),
            "an id of the vocabulary, between 0 and " + (vocabulary - 1));
      }
      biasedIds[biased] = bias.getKey();
      biases[biased++] = bias.getValue().floatValue();
    }
    boolean greedy = options.temperature() == 0;
    candidates = new int[greedy ? 0 : vocabulary];
    weights = new double[greedy ? 0 : vocabulary];
    descending = new double[options.topP() < 1 ? weights.length : 0];
    heap = new float[Math.min(options.topK(), weights.length)];
  }

  /** Records the ids of a prompt as seen, for the repetition penalty. */
  public void acceptPrompt(int... ids) {
    for (int id : ids) {
      if (id >= 0 && id < vocabulary) {
        seen.set(id);
      }
    }
  }

  /** Records an id as chosen, for all penalties, and notifies the mask. */
  public void accept(int id) {
    if (id >= 0 && id < vocabulary) {
      seen.set(id);
      if (chosen.length > 0) {
        chosen[id]++;
      }
      if (mask != null) {
        mask.accept(id);
      }
    }
  }

  /**
   * Chooses an id.
   *
   * @param logits at least one for each id of the vocabulary; modified by mask, bias and penalties
   * @return the id, or {@link #NONE} if the mask allows none
   * @throws ArithmeticException if the logit of an id of the vocabulary is NaN or positive
   *     infinity, or if all of them are negative infinity
   */
  public int sample(float[] logits) {
    if (logProbabilities != null) {
      logProbabilities.read(logits);
    }
    if (mask != null) {
      allowed.clear();
      allowed.set(0, vocabulary);
      mask.narrow(allowed);
      if (allowed.previousSetBit(vocabulary - 1) < 0) {
        return NONE;
      }
      forbid(logits);
    }
    for (int i = 0; i < biases.length; i++) {
      logits[biasedIds[i]] += biases[i];
    }
    penaliseSeen(logits);
    penaliseChosen(logits);
    int best = best(logits, vocabulary);
    if (options.temperature() == 0) {
      return best;
    }
    int count = options.topK() > 0 ? keepTopK(logits) : keepAll();
    double largest = logits[best];
    double sum = 0;
    for (int i = 0; i < count; i++) {
      weights[i] = Math.exp((logits[candidates[i]] - largest) / options.temperature());
      sum += weights[i];
    }
    if (options.topP() < 1) {
      count = keepTopP(count, sum);
    }
    if (options.minP() > 0) {
      count = keepMinP(count);
    }
    return draw(count);
  }

  private void forbid(float[] logits) {
    int id = allowed.nextClearBit(0);
    for (; id < vocabulary; id = allowed.nextClearBit(id + 1)) {
      logits[id] = Float.NEGATIVE_INFINITY;
    }
  }

  /**
   * Returns the model's own log-probabilities at the last choice.
   *
   * @throws IllegalStateException if the options do not request them
   */
  public LogProbabilities logProbabilities() {
    if (logProbabilities == null) {
      throw new IllegalStateException(
          "log-probabilities were not recorded; request them with"
              + " GenerationOptions.withTopLogProbabilities");
    }
    return logProbabilities;
  }

  private void penaliseSeen(float[] logits) {
    if (options.repetitionPenalty() == 1) {
      return;
    }
    float penalty = (float) options.repetitionPenalty();
    for (int id = seen.nextSetBit(0); id >= 0; id = seen.nextSetBit(id + 1)) {
      logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
    }
  }

  private void penaliseChosen(float[] logits) {
    for (int id = 0; id < chosen.length; id++) {
      if (chosen[id] > 0) {
        double penalty = options.frequencyPenalty() * chosen[id] + options.presencePenalty();
        logits[id] -= (float) penalty;
      }
    }
  }

  /**
   * Returns the most probable id; of equally probable ids the smallest.
   *
   * @param vocabulary number of ids that can be chosen, starting at 0
   * @throws ArithmeticException if the logit of one of them is NaN or positive infinity, or if all
   *     of them are negative infinity
   */
  public static int best(float[] logits, int vocabulary) {
    int best = 0;
    for (int id = 0; id < vocabulary; id++) {
      float logit = logits[id];
      if (!(logit < Float.POSITIVE_INFINITY)) {
        throw new ArithmeticException(
            "the logit of id " + id + " is " + logit + ": the model's weights are damaged");
      }
      if (logit > logits[best]) {
        best = id;
      }
    }
    if (logits[best] == Float.NEGATIVE_INFINITY) {
      throw new ArithmeticException(
          "all logits are -Infinity: no id can follow, the model's weights are damaged");
    }
    return best;
  }

  private int keepAll() {
    for (int id = 0; id < vocabulary; id++) {
      candidates[id] = id;
    }
    return vocabulary;
  }

  /** Keeps the k best ids, in ascending order: those above the k-th best logit, then ties. */
  private int keepTopK(float[] logits) {
    int k = heap.length; // the smallest of the k best is at the root
    Arrays.fill(heap, Float.NEGATIVE_INFINITY);
    for (int id = 0; id < vocabulary; id++) {
      if (logits[id] > heap[0]) {
        sink(heap, logits[id]);
      }
    }
    float threshold = heap[0];
    int above = 0;
    for (int id = 0; id < vocabulary; id++) {
      above += logits[id] > threshold ? 1 : 0;
    }
    int ties = k - above;
    int count = 0;
    for (int id = 0; id < vocabulary; id++) {
      if (logits[id] > threshold || (logits[id] == threshold && ties-- > 0)) {
        candidates[count++] = id;
      }
    }
    return count;
  }

  private static void sink(double[] heap, int size, int from, double value) {
    int i = from;
    while (2 * i + 1 < size) {
      int child = 2 * i + 1;
      if (child + 1 < size && heap[child + 1] > heap[child]) {
        child++;
      }
      if (value >= heap[child]) {
        break;
      }
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = value;
  }

  private static void sink(float[] heap, float value) {
    int i = 0;
    while (2 * i + 1 < heap.length) {
      int child = 2 * i + 1;
      if (child + 1 < heap.length && heap[child + 1] < heap[child]) {
        child++;
      }
      if (value <= heap[child]) {
        break;
      }
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = value;
  }

  /** Keeps the fewest best candidates whose weights reach p of the sum, in ascending order. */
  private int keepTopP(int count, double sum) {
    // A heap, not a sort: few candidates make up most of the sum, and sorting creates garbage.
    System.arraycopy(weights, 0, descending, 0, count);
    for (int i = count / 2 - 1; i >= 0; i--) {
      sink(descending, count, i, descending[i]);
    }
    double target = options.topP() * sum;
    double reached = 0;
    double threshold = 0;
    int ties = 0; // number of kept candidates whose weight is the threshold
    for (int left = count; left > 0 && reached < target; left--) {
      ties = descending[0] == threshold ? ties + 1 : 1;
      threshold = descending[0];
      reached += threshold;
      sink(descending, left - 1, 0, descending[left - 1]);
    }
    int kept = 0;
    for (int j = 0; j < count; j++) {
      if (weights[j] > threshold || (weights[j] == threshold && ties-- > 0)) {
        candidates[kept] = candidates[j];
        weights[kept++] = weights[j];
      }
    }
    return kept;
  }

  /** The best weight is 1, so each weight is its ratio to the best. */
  private int keepMinP(int count) {
    int kept = 0;
    for (int j = 0; j < count; j++) {
      if (weights[j] >= options.minP()) {
        candidates[kept] = candidates[j];
        weights[kept++] = weights[j];
      }
    }
    return kept;
  }

  private int draw(int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += weights[i];
    }
    double point = random.nextDouble() * sum;
    int last = 0; // the result if rounding leaves point at 0 or above; never an id of weight 0
    for (int i = 0; i < count; i++) {
      if (weights[i] > 0) {
        last = candidates[i];
        point -= weights[i];
        if (point < 0) {
          break;
        }
      }
    }
    return last;
  }
}
