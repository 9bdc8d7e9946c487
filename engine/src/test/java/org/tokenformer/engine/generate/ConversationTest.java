package org.tokenformer.engine.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.generate.GenerationResult.Finish;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Tensors;

/** A turn continues the whole preceding text, however the previous turn ended. */
final class ConversationTest {
  private static final int[] FIRST = {3, 1, 4, 1, 5};
  private static final int[] SECOND = {9, 2, 6};
  private static final int IDS = 4; // of the first turn

  /** The ways in which a first turn of {@link #IDS} ids can end. */
  enum Ending {
    MAX_TOKENS(Finish.MAX_TOKENS, false),
    STOPPED(Finish.STOPPED, false),
    END_OF_TEXT(Finish.END_OF_TEXT, true),
    CANCELLED(Finish.CANCELLED, true),
    INTERRUPTED(Finish.CANCELLED, false);

    final Finish finish;
    final boolean lastWasDecoded; // to compute the logits of an id that was then not generated

    Ending(Finish finish, boolean lastWasDecoded) {
      this.finish = finish;
      this.lastWasDecoded = lastWasDecoded;
    }
  }

  private final List<Integer> ids = new ArrayList<>();

  /** Generates the first turn and stores its ids. */
  private void turn(Session session, Ending ending) {
    Cancellation.Flag flag = new Cancellation.Flag();
    GenerationOptions options =
        GenerationOptions.of(ending == Ending.MAX_TOKENS ? IDS : 20)
            .sampledBy(SamplingOptions.defaults().withSeed(5).withTemperature(2));
    GenerationOptions ended =
        ending == Ending.END_OF_TEXT ? options.maskedBy(EndAfterSome::new).endingAt(36) : options;
    GenerationResult result =
        Generation.run(
            session,
            FIRST,
            ended,
            id -> {
              ids.add(id);
              boolean last = ids.size() == IDS;
              if (last && ending == Ending.CANCELLED) {
                flag.cancel();
              } else if (last && ending == Ending.INTERRUPTED) {
                Thread.currentThread().interrupt();
              }
              return !last || ending != Ending.STOPPED;
            },
            flag);
    assertEquals(ending == Ending.INTERRUPTED, Thread.interrupted());
    assertEquals(ending.finish, result.finish());
    assertEquals(IDS, ids.size());
  }

  /** Allows the end id after {@link #IDS} ids only. */
  private static final class EndAfterSome implements TokenMask {
    private int count;

    @Override
    public void narrow(BitSet allowed) {
      if (count == IDS) {
        allowed.clear();
      }
      allowed.set(36, count == IDS);
    }

    @Override
    public void accept(int id) {
      count++;
    }
  }

  @ParameterizedTest
  @EnumSource
  void twoTurnsAreBitIdenticalToOnePrompt(Ending ending) {
    try (Backend backend = Computing.SCALAR.open();
        TokenFormer model = Models.open(Models.config(Theta.L2_NORM_GELU), backend, 9);
        Session session = model.newSession();
        Session whole = model.newSession()) {
      turn(session, ending);
      assertEquals(FIRST.length + IDS, session.length());
      List<Integer> text = new ArrayList<>();
      IntStream.of(FIRST).forEach(text::add);
      text.addAll(ids);
      IntStream.of(SECOND).forEach(text::add);
      int[] one = text.stream().mapToInt(id -> id).toArray();
      assertArrayEquals(
          Tensors.get(backend, whole.prefill(one)), Tensors.get(backend, session.prefill(SECOND)));
      assertEquals(whole.length(), session.length());
      assertArrayEquals(
          Tensors.get(backend, whole.decode(1)), Tensors.get(backend, session.decode(1)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void twoTurnsAreTheSameAsSingleSteps(Ending ending) {
    for (Computing computing : Computing.values()) {
      try (Backend backend = computing.open();
          TokenFormer model = Models.open(Models.config(Theta.L2_NORM_GELU), backend, 9);
          Session session = model.newSession();
          Session other = model.newSession()) {
        ids.clear();
        turn(session, ending);
        other.prefill(FIRST);
        for (int id : ids.subList(0, IDS - 1)) {
          other.decode(id);
        }
        if (ending.lastWasDecoded) {
          other.decode(ids.getLast());
        } else {
          other.append(ids.getLast());
        }
        assertArrayEquals(
            Tensors.get(backend, other.prefill(SECOND)),
            Tensors.get(backend, session.prefill(SECOND)),
            computing.toString());
      }
    }
  }

  @Test
  void aFullSessionLacksTheLastId() {
    try (Backend backend = Computing.SCALAR.open();
        TokenFormer model = Models.open(Models.config(Theta.L2_NORM_GELU), backend, 9);
        Session session = model.newSession(8, DType.F32)) {
      for (int most : new int[] {4, 9}) {
        session.truncate(0);
        GenerationOptions options = GenerationOptions.of(most).sampledBy(SamplingOptions.greedy());
        GenerationResult result = Generation.run(session, FIRST, options, _ -> true, null);
        assertEquals(most == 4 ? Finish.MAX_TOKENS : Finish.CONTEXT_FULL, result.finish());
        assertEquals(4, result.generatedTokens());
        assertEquals(8, session.length());
        assertThrows(IllegalArgumentException.class, () -> session.prefill(SECOND));
      }
    }
  }
}
