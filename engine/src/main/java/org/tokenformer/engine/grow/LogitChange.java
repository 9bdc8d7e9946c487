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
 * How far the answers of a model are from those of what it was made of.
 *
 * @param absolute the largest change of any logit at any position; NaN if one is not a number
 * @param largest the largest magnitude of a logit before
 */
public record LogitChange(double absolute, double largest) {
  /** What exact growth may change, of the largest logit: the rounding of longer sums. */
  public static final double EXACT = 1e-5;

  /** Positions whose logits are held at a time, V wide and of both models. */
  private static final int CHUNK = 64;

  /**
   * Compares two models on the same ids, from the first position on; after as many as the context
   * has, from the first again.
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

  /** So many ids of the tokenizer's; the same for the same seed. */
  public static int[] randomIds(TokenFormerConfig config, int count, long seed) {
    int[] ids = new int[count];
    for (int i = 0; i < count; i++) {
      ids[i] = Math.floorMod(SplitMix.hash(seed, i), config.tokenizerVocabularySize());
    }
    return ids;
  }

  /** The change as a share of the largest logit. */
  public double relative() {
    return absolute == 0 ? 0 : absolute / largest;
  }

  /** Whether it is no more than {@link #EXACT} allows. */
  public boolean isRounding() {
    return relative() <= EXACT;
  }
}
