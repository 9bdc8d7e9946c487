package org.tokenformer.engine.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.generate.GenerationResult.Finish;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Tensors;

/** The loop ends for the right reason and leaves the session in the documented state. */
final class GenerationTest {
  private static final int[] PROMPT = {3, 1, 4, 1, 5};

  private final Backend backend = new CheckedBackend(new ScalarBackend());
  private TokenFormer model;
  private Session session;
  private final List<Integer> ids = new ArrayList<>();

  @BeforeEach
  void open() {
    model = Models.open(Models.config(Theta.L2_NORM_GELU), backend, 9);
    session = model.newSession(20, DType.F32);
  }

  @AfterEach
  void close() {
    session.close();
    model.close();
    backend.close();
  }

  private GenerationResult greedy(int maxTokens, int... ends) {
    GenerationOptions options = GenerationOptions.of(maxTokens);
    return Generation.run(
        session,
        PROMPT,
        options.endingAt(ends).sampledBy(SamplingOptions.greedy()),
        ids::add,
        null);
  }

  private void ended(GenerationResult result, Finish finish, int generated, int length) {
    assertEquals(finish, result.finish());
    assertEquals(generated, result.generatedTokens());
    assertEquals(generated, ids.size());
    assertEquals(PROMPT.length, result.promptTokens());
    assertEquals(length, session.length());
    assertTrue(result.prefillNanos() > 0 && result.decodeNanos() >= 0);
  }

  @Test
  void maxTokens() {
    ended(greedy(4), Finish.MAX_TOKENS, 4, 9);
    assertTrue(ids.stream().allMatch(id -> id < Models.IDS), ids.toString());
  }

  @Test
  void idsAreThoseOfAManualLoop() {
    greedy(10);
    session.truncate(0);
    float[] logits = Tensors.get(backend, session.prefill(PROMPT));
    for (int id : ids) {
      int best = 0;
      for (int i = 1; i < Models.IDS; i++) {
        best = logits[i] > logits[best] ? i : best;
      }
      assertEquals(best, id);
      logits = Tensors.get(backend, session.decode(id));
    }
  }

  @Test
  void noTokens() {
    ended(greedy(0), Finish.MAX_TOKENS, 0, 5);
  }

  @Test
  void endOfText() {
    greedy(10);
    int end = ids.get(3);
    int first = ids.indexOf(end);
    ids.clear();
    session.truncate(0);
    ended(greedy(10, 39, end, -7), Finish.END_OF_TEXT, first, 5 + first);
    assertTrue(!ids.contains(end));
  }

  @Test
  void endOfTextAsTheFirstId() {
    greedy(1);
    int end = ids.getFirst();
    ids.clear();
    session.truncate(0);
    ended(greedy(10, end), Finish.END_OF_TEXT, 0, 5);
  }

  @Test
  void contextFull() {
    ended(greedy(100), Finish.CONTEXT_FULL, 16, 20); // the last one needs no position
    ids.clear();
    session.truncate(0);
    ended(greedy(16), Finish.MAX_TOKENS, 16, 20);
    ids.clear();
    session.truncate(15);
    ended(greedy(9), Finish.CONTEXT_FULL, 1, 20);
  }

  @Test
  void stopped() {
    GenerationResult result =
        Generation.run(
            session,
            PROMPT,
            GenerationOptions.of(9),
            id -> {
              ids.add(id);
              return ids.size() < 3;
            },
            null);
    ended(result, Finish.STOPPED, 3, 8);
  }

  @Test
  void cancelledAnywhere() {
    int pollsOfPrompt = 2; // one per layer
    for (int at = 1; at < pollsOfPrompt + 6; at++) {
      AtomicInteger polls = new AtomicInteger();
      int when = at;
      ids.clear();
      session.truncate(0);
      GenerationResult result =
          Generation.run(
              session,
              PROMPT,
              GenerationOptions.of(9),
              ids::add,
              () -> polls.incrementAndGet() >= when);
      int generated = Math.max(0, at - pollsOfPrompt - 1);
      ended(result, Finish.CANCELLED, generated, at <= pollsOfPrompt ? 0 : 5 + generated);
    }
  }

  @Test
  void invalidPrompts() {
    int[][] prompts = {{}, new int[21], {40}, {-1}};
    for (int[] prompt : prompts) {
      assertThrows(
          RuntimeException.class,
          () -> Generation.run(session, prompt, GenerationOptions.of(3), ids::add, null));
      assertEquals(0, session.length());
    }
    assertEquals(List.of(), ids);
  }

  @Test
  void aFailingConsumerLeavesAUsableSession() {
    assertThrows(
        ArithmeticException.class,
        () ->
            Generation.run(
                session,
                PROMPT,
                GenerationOptions.of(3),
                id -> {
                  throw new ArithmeticException("no");
                },
                null));
    assertEquals(6, session.length()); // including the id that the consumer received
    session.decode(1);
  }

  @Test
  void aFailingMaskEndsTheTextAndLosesNothing() {
    GenerationOptions options =
        GenerationOptions.of(9).sampledBy(SamplingOptions.greedy()).maskedBy(FailingMask::new);
    Generation generation = new Generation(session, PROMPT, options, null);
    assertTrue(generation.advance());
    assertTrue(generation.advance());
    assertThrows(ArithmeticException.class, generation::advance);
    assertEquals(7, session.length());
    assertFalse(generation.advance());
    assertEquals(Finish.STOPPED, generation.result().finish());
    assertEquals(2, generation.result().generatedTokens());
  }

  /** Fails at the third id. */
  private static final class FailingMask implements TokenMask {
    private int count;

    @Override
    public void narrow(BitSet allowed) {
      if (count == 2) {
        throw new ArithmeticException("no");
      }
    }

    @Override
    public void accept(int id) {
      count++;
    }
  }

  @Test
  void aConsumerMayCloseTheSession() {
    GenerationResult result =
        Generation.run(
            session,
            PROMPT,
            GenerationOptions.of(9),
            _ -> {
              session.close();
              return false;
            },
            null);
    assertEquals(Finish.STOPPED, result.finish());
  }

  @Test
  void advancedByTheCaller() {
    Generation generation = new Generation(session, PROMPT, GenerationOptions.of(2), null);
    assertThrows(IllegalStateException.class, generation::result);
    while (generation.advance()) {
      assertThrows(IllegalStateException.class, generation::result);
      ids.add(generation.id());
    }
    GenerationResult result = generation.result();
    ended(result, Finish.MAX_TOKENS, 2, 7);
    generation.stop();
    assertFalse(generation.advance());
    assertEquals(result, generation.result());
  }

  @Test
  void aFailedPromptCanBeRetried() {
    session.prefill(new int[18]);
    GenerationOptions options = GenerationOptions.of(2).sampledBy(SamplingOptions.greedy());
    Generation generation = new Generation(session, PROMPT, options, null);
    for (int i = 0; i < 2; i++) {
      assertThrows(IllegalArgumentException.class, generation::advance);
      assertEquals(18, session.length());
    }
    session.truncate(0);
    assertTrue(generation.advance());
    assertEquals(5, session.length());
  }

  @Test
  void anInterruptedThreadEndsIt() {
    GenerationOptions options = GenerationOptions.of(9).sampledBy(SamplingOptions.greedy());
    for (int at = 0; at < 4; at++) {
      int when = at;
      ids.clear();
      session.truncate(0);
      if (at == 0) {
        Thread.currentThread().interrupt();
      }
      GenerationResult result =
          Generation.run(
              session,
              PROMPT,
              options,
              id -> {
                ids.add(id);
                if (ids.size() == when) {
                  Thread.currentThread().interrupt();
                }
                return true;
              },
              null);
      assertTrue(Thread.interrupted(), "the status stays set");
      ended(result, Finish.CANCELLED, at, at == 0 ? 0 : 5 + at);
    }
  }

  @Test
  void stoppedBeforeTheFirstId() {
    Generation generation = new Generation(session, PROMPT, GenerationOptions.of(2), null);
    generation.stop();
    assertFalse(generation.advance());
    assertEquals(Finish.STOPPED, generation.result().finish());
    assertEquals(0, session.length());
  }

  @Test
  void logProbabilitiesAreTheModelsOwn() {
    SamplingOptions sampling =
        SamplingOptions.greedy().withRepetitionPenalty(2).withLogitBias(Map.of(7, 9.0));
    GenerationOptions options =
        GenerationOptions.of(5).sampledBy(sampling).withTopLogProbabilities(3);
    Generation generation = new Generation(session, PROMPT, options, null);
    try (Session other = model.newSession()) {
      float[] logits = Tensors.get(backend, other.prefill(PROMPT));
      while (generation.advance()) {
        LogProbabilities found = generation.logProbabilities();
        double sum = 0;
        for (int id = 0; id < Models.IDS; id++) {
          sum += Math.exp(logits[id]);
        }
        assertEquals(
            logits[generation.id()] - Math.log(sum), found.of(generation.id()), 1e-9, "chosen");
        assertEquals(3, found.count());
        assertTrue(found.of(found.id(0)) >= found.of(found.id(1)));
        logits = Tensors.get(backend, other.decode(generation.id()));
      }
    }
    Generation without = new Generation(session, PROMPT, GenerationOptions.of(1), null);
    assertTrue(without.advance());
    assertThrows(IllegalStateException.class, without::logProbabilities);
  }
}
