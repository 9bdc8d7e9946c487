package org.tokenformer.bench.soak;

import java.io.IOException;
import java.util.Arrays;
import java.util.PrimitiveIterator;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.generate.GenerationResult;
import org.tokenformer.engine.generate.GenerationResult.Finish;
import org.tokenformer.engine.model.Cancellation;

/** A user of a model who does one thing after another, chosen at random. */
final class Visitor {
  private static final int MAX_POLLS = 400; // more than a prefill and some ids take

  private final ServingLoad load;
  private final SplittableRandom random;

  Visitor(ServingLoad load, SplittableRandom random) {
    this.load = load;
    this.random = random;
  }

  /** Does one thing. */
  void act() throws IOException, InterruptedException {
    Case any = load.anyCase(random);
    switch (random.nextInt(8)) {
      case 0, 1 -> generate(load.shared(), any);
      case 2 -> stream(any);
      case 3 -> cancel(any);
      case 4 -> interrupt(any);
      case 5 -> score(any);
      case 6 -> converse(any);
      default -> open(any);
    }
  }

  private static void generate(LanguageModel model, Case any) {
    long[] ids = Case.generate(model, any.prompt(), any.options());
    ServingLoad.requireSame("ids", any, any.generated(), ids);
  }

  /** Reads a part of a lazy stream, or all of it. */
  private void stream(Case any) {
    int count = random.nextInt(any.generated().length + 2);
    LongStream.Builder ids = LongStream.builder();
    try (IntStream stream = load.shared().stream(any.prompt(), any.options())) {
      PrimitiveIterator.OfInt next = stream.iterator();
      for (int i = 0; i < count && next.hasNext(); i++) {
        ids.add(next.nextInt());
      }
    }
    requirePrefix("streamed ids", any, ids.build().toArray());
  }

  /** Cancels at a random poll, during the prompt or later. */
  private void cancel(Case any) {
    int[] left = {random.nextInt(MAX_POLLS)};
    generateUntil(any, () -> left[0]-- <= 0, Integer.MAX_VALUE);
  }

  /** Interrupts its own thread after a random id. */
  private void interrupt(Case any) {
    generateUntil(any, null, random.nextInt(any.generated().length));
    Thread.interrupted();
  }

  private void generateUntil(Case any, @Nullable Cancellation cancellation, int interruptAfter) {
    LongStream.Builder ids = LongStream.builder();
    int[] count = {0};
    GenerationResult result =
        load.shared()
            .generate(
                any.prompt(),
                any.options(),
                id -> {
                  ids.add(id);
                  if (count[0]++ == interruptAfter) {
                    Thread.currentThread().interrupt();
                  }
                  return true;
                },
                cancellation);
    long[] generated = ids.build().toArray();
    if (result.finish() == Finish.CANCELLED) {
      requirePrefix("ids before a cancellation", any, generated);
    } else {
      ServingLoad.requireSame("ids without a cancellation", any, any.generated(), generated);
    }
  }

  private static void requirePrefix(String what, Case any, long[] ids) {
    int length = Math.min(ids.length, any.generated().length);
    ServingLoad.requireSame(what, any, Arrays.copyOf(any.generated(), length), ids);
  }

  private void score(Case any) {
    ServingLoad.requireSame("scores", any, any.scores(), Case.scores(load.shared(), any.prompt()));
  }

  private void converse(Case any) {
    ServingLoad.requireSame(
        "logits", any, any.conversation(), Case.conversation(load.shared(), any.prompt(), random));
  }

  /** Opens a model, and closes it on another thread while it generates: the call still ends. */
  private void open(Case any) throws IOException, InterruptedException {
    try (LanguageModel model = load.open(1 + random.nextInt(3))) {
      int closeAt = random.nextInt(any.generated().length);
      LongStream.Builder ids = LongStream.builder();
      int[] count = {0};
      Thread closer = Thread.ofPlatform().unstarted(model::close);
      model.generate(
          any.prompt(),
          any.options(),
          id -> {
            ids.add(id);
            if (count[0]++ == closeAt) {
              closer.start();
            }
            return true;
          });
      closer.join();
      ServingLoad.requireSame(
          "ids of a model that is being closed", any, any.generated(), ids.build().toArray());
    }
  }
}
