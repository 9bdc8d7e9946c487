package org.tokenformer.engine.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.generate.GenerationResult.Finish;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Tensors;

/** Choosing without a session: ids, ends and masks. */
final class TokenChooserTest {
  private static GenerationOptions greedy(int maxTokens) {
    return GenerationOptions.of(maxTokens).sampledBy(SamplingOptions.greedy());
  }

  private static float[] best(int id) {
    float[] logits = new float[10];
    logits[id] = 1;
    return logits;
  }

  @Test
  void maximumNumberOfIds() {
    TokenChooser chooser = new TokenChooser(greedy(2), 8, 1);
    assertTrue(chooser.choose(best(3)));
    assertTrue(chooser.wantsMore());
    assertTrue(chooser.choose(best(4)));
    assertEquals(4, chooser.id());
    assertNull(chooser.finish()); // the caller may still end it for another reason
    assertFalse(chooser.wantsMore());
    assertFalse(chooser.choose(best(5)));
    assertEquals(Finish.MAX_TOKENS, chooser.finish());
    assertEquals(2, chooser.count());
    chooser.end(Finish.STOPPED);
    assertEquals(Finish.MAX_TOKENS, chooser.finish());
    TokenChooser none = new TokenChooser(greedy(0), 8);
    assertFalse(none.wantsMore());
  }

  @Test
  void endIdsAreNotCounted() {
    TokenChooser chooser = new TokenChooser(greedy(9).endingAt(5, 6), 8);
    assertTrue(chooser.choose(best(4)));
    assertFalse(chooser.choose(best(6)));
    assertEquals(Finish.END_OF_TEXT, chooser.finish());
    assertEquals(1, chooser.count());
    assertFalse(chooser.choose(best(1)));
  }

  @Test
  void aReasonOfTheCallers() {
    TokenChooser chooser = new TokenChooser(greedy(9), 8);
    chooser.end(Finish.CANCELLED);
    assertFalse(chooser.wantsMore());
    assertFalse(chooser.choose(best(1)));
    assertEquals(Finish.CANCELLED, chooser.finish());
    assertEquals(0, chooser.count());
    assertThrows(IllegalStateException.class, chooser::logProbabilities);
  }

  /** Allows 2 or 3, then 5, then an end id, then nothing. */
  private static final class Grammar implements TokenMask {
    private static final int[][] STEPS = {{2, 3}, {5}, {7}, {}};

    private final List<Integer> accepted = new ArrayList<>();

    @Override
    public void narrow(BitSet allowed) {
      assertEquals(8, allowed.cardinality());
      allowed.clear();
      for (int id : STEPS[accepted.size()]) {
        allowed.set(id);
      }
      allowed.set(9); // not in the vocabulary
    }

    @Override
    public void accept(int id) {
      accepted.add(id);
    }
  }

  @Test
  void aMaskFollowsWhatIsChosen() {
    List<Grammar> grammars = new ArrayList<>();
    GenerationOptions options =
        greedy(9)
            .maskedBy(() -> {
              grammars.add(new Grammar());
              return grammars.getLast();
            });
    TokenChooser open = new TokenChooser(options, 8);
    assertTrue(open.choose(best(3)));
    assertTrue(open.choose(best(3)));
    assertTrue(open.choose(best(3)));
    assertFalse(open.choose(best(3)));
    assertEquals(List.of(3, 5, 7), grammars.getFirst().accepted);
    assertEquals(Finish.END_OF_TEXT, open.finish());
    TokenChooser ending = new TokenChooser(options.endingAt(7), 8);
    assertTrue(ending.choose(best(0)));
    assertEquals(2, ending.id()); // the smallest of equally probable ids
    assertTrue(ending.choose(best(0)));
    assertFalse(ending.choose(best(0)));
    assertEquals(Finish.END_OF_TEXT, ending.finish());
    assertEquals(List.of(2, 5), grammars.getLast().accepted);
    assertEquals(2, ending.count());
  }

  @Test
  void logProbabilitiesAreTakenBeforeTheMask() {
    GenerationOptions options = greedy(9).maskedBy(Grammar::new).withTopLogProbabilities(1);
    TokenChooser chooser = new TokenChooser(options, 8);
    float[] logits = best(0);
    assertTrue(chooser.choose(logits));
    assertEquals(2, chooser.id());
    LogProbabilities found = chooser.logProbabilities();
    assertEquals(0, found.id(0));
    double sum = 7 + Math.E;
    assertEquals(1 - Math.log(sum), found.of(0), 1e-12);
    assertEquals(-Math.log(sum), found.of(2), 1e-12);
  }

  /** Works like a server: one pass generates an id for each unfinished conversation. */
  @Test
  void conversationsInOnePassChooseLikeEachAlone() {
    int[][] prompts = {{1, 2}, {3}, {4, 5, 6, 7, 8}, {9}};
    List<GenerationOptions> options = new ArrayList<>();
    for (int i = 0; i < prompts.length; i++) {
      SamplingOptions sampling =
          SamplingOptions.defaults().withSeed(i).withPresencePenalty(1).withTemperature(1.5);
      options.add(GenerationOptions.of(3 * i + 2).sampledBy(sampling).endingAt(30, 31));
    }
    try (Backend backend = new CheckedBackend(new ScalarBackend());
        TokenFormer model = Models.open(Models.config(Theta.SOFTMAX), backend, 3)) {
      List<List<Integer>> alone = new ArrayList<>();
      List<List<Integer>> together = new ArrayList<>();
      List<Session> sessions = new ArrayList<>();
      List<TokenChooser> choosers = new ArrayList<>();
      for (int i = 0; i < prompts.length; i++) {
        List<Integer> ids = new ArrayList<>();
        try (Session session = model.newSession()) {
          Generation.run(session, prompts[i], options.get(i), ids::add, null);
        }
        alone.add(ids);
        sessions.add(model.newSession());
        choosers.add(new TokenChooser(options.get(i), Models.IDS, prompts[i]));
        together.add(new ArrayList<>());
        choose(
            choosers.get(i),
            Tensors.get(backend, sessions.get(i).prefill(prompts[i])),
            together.get(i));
      }
      serve(model, sessions, choosers, together);
      assertEquals(alone, together);
      sessions.forEach(Session::close);
    }
  }

  private static void serve(
      TokenFormer model,
      List<Session> sessions,
      List<TokenChooser> choosers,
      List<List<Integer>> texts) {
    while (true) {
      List<Integer> unfinished = new ArrayList<>();
      for (int i = 0; i < choosers.size(); i++) {
        if (choosers.get(i).wantsMore()) {
          unfinished.add(i);
        }
      }
      if (unfinished.isEmpty()) {
        return;
      }
      int[] ids = unfinished.stream().mapToInt(i -> choosers.get(i).id()).toArray();
      float[] logits =
          Tensors.get(
              model.backend(), model.step(unfinished.stream().map(sessions::get).toList(), ids));
      assertEquals(unfinished.size() * Models.VOCABULARY, logits.length);
      for (int row = 0; row < unfinished.size(); row++) {
        int from = row * Models.VOCABULARY;
        choose(
            choosers.get(unfinished.get(row)),
            Arrays.copyOfRange(logits, from, from + Models.VOCABULARY),
            texts.get(unfinished.get(row)));
      }
    }
  }

  private static void choose(TokenChooser chooser, float[] logits, List<Integer> text) {
    if (chooser.choose(logits)) {
      text.add(chooser.id());
    }
  }
}
