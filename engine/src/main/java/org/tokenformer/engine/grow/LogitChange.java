package org.tokenformer.engine.grow;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.SplitMix;
import org.tokenformer.engine.tensor.DType;

/**
 * How much the logits of a model differ from those of the model that it was made from.
 *
 * @param absolute the largest change of any logit at any position; NaN if a logit is NaN
 * @param largest the largest magnitude of a logit of the original model
 */
public record LogitChange(double absolute, double largest) {
  /**
   * Maximum change of an exact growth, relative to the largest logit: the rounding of longer sums.
   */
  public static final double EXACT = 1e-5;

  /** Positions whose logits are held at a time, for both models. */
  private static final int CHUNK = 64;

  /**
   * Compares two models on the same ids, from the first position on; when the context is full, it
   * continues from an empty context.
   *
   * @param ids at least one
   * @throws java.util.concurrent.CancellationException if cancelled
   */
  public static LogitChange between(
      TokenFormer before, TokenFormer after, int[] ids, @Nullable Cancellation cancellation) {
    int context = before.config().contextLength();
    int vocabulary = before.config().vocabularySize();
    int capacity = Math.min(context, ids.length);
    int chunk = Math.min(CHUNK, capacity);
    float[] expected = new float[Math.multiplyExact(chunk, vocabulary)];
    float[] actual = new float[expected.length];
    double change = 0;
    double largest = 0;
    try (Session old = before.newSession(capacity, DType.F32);
        Session grown = after.newSession(capacity, DType.F32)) {
      for (int from = 0; from < ids.length; ) {
        if (old.length() == capacity) {
          old.truncate(0);
          grown.truncate(0);
        }
        int count = Math.min(chunk, Math.min(ids.length - from, capacity - old.length()));
        int[] part = Arrays.copyOfRange(ids, from, from + count);
        logits(old, part, expected, cancellation);
        logits(grown, part, actual, cancellation);
        for (int i = 0; i < count * vocabulary; i++) {
          change = Math.max(change, Math.abs((double) expected[i] - actual[i])); // keeps a NaN
          largest = Math.max(largest, Math.abs(expected[i]));
        }
        from += count;
      }
    }
    return new LogitChange(change, largest);
  }

  private static void logits(
      Session session, int[] ids, float[] to, @Nullable Cancellation cancellation) {
    int vocabulary = session.model().config().vocabularySize();
    session.logits(
        ids,
        (first, logits) -> {
          MemorySegment rows =
              MemorySegment.ofArray(to)
                  .asSlice((long) first * vocabulary * Float.BYTES, logits.byteSize());
          session.model().backend().download(logits, rows);
        },
        cancellation);
  }

  /** Returns random ids of the tokenizer; the same for the same seed. */
  public static int[] randomIds(TokenFormerConfig config, int count, long seed) {
    int[] ids = new int[count];
    for (int i = 0; i < count; i++) {
      ids[i] = Math.floorMod(SplitMix.hash(seed, i), config.tokenizerVocabularySize());
    }
    return ids;
  }

  /** Returns the change as a fraction of the largest logit. */
  public double relative() {
    return absolute == 0 ? 0 : absolute / largest;
  }

  /** Returns whether the change is at most {@link #EXACT}. */
  public boolean isRounding() {
    return relative() <= EXACT;
  }
}
