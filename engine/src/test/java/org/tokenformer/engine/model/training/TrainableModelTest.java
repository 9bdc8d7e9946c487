package org.tokenformer.engine.model.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;

/** Which weights are trained: all, or those that the last growth added. */
final class TrainableModelTest {
  private static final int CHANNELS = 24;
  private static final LayerSizes SMALL = new LayerSizes(5, 6, 7);
  private static final TokenFormerConfig PLAIN =
      Models.config(Theta.L2_NORM_GELU, List.of(SMALL), Map.of());

  /** A model whose feed-forward Pattention has grown by three tokens. */
  private static final TokenFormerConfig GROWN =
      PLAIN.withLayers(List.of(new LayerSizes(5, 6, 10)), Map.of(), List.of(List.of(SMALL)));

  @Test
  void allIsTrained() {
    try (Backend backend = Computing.SCALAR.open();
        Arena arena = Arena.ofConfined();
        TrainableModel trainable = new TrainableModel(GROWN, tensors(GROWN, arena), backend)) {
      assertFalse(trainable.trainsOnlyNew());
      assertEquals(trainable.model().weights(), trainable.trainedWeights());
      long tokens = 3 * 5 + 6 + 10;
      long head = (long) Models.VOCABULARY * CHANNELS;
      assertEquals(2 * tokens * CHANNELS + head, trainable.multipliedWeights(TokenFraction.ALL));
      long half = 3 * 3 + 3 + 5;
      assertEquals(
          2 * half * CHANNELS + head, trainable.multipliedWeights(TokenFraction.parse("50%")));
    }
  }

  @Test
  void onlyNewTokensAreTrained() {
    try (Backend backend = Computing.SCALAR.open();
        Arena arena = Arena.ofConfined();
        TrainableModel trainable =
            new TrainableModel(GROWN, tensors(GROWN, arena), backend, true)) {
      assertTrue(trainable.trainsOnlyNew());
      assertEquals(
          Set.of("layers.0.ffn.key_param_tokens", "layers.0.ffn.value_param_tokens"),
          trainable.trainedWeights().keySet());
      trainable
          .trainedWeights()
          .values()
          .forEach(tensor -> assertEquals(Shape.of(3, CHANNELS), tensor.shape()));
      var segments = trainable.model().parameterTokens(0, BlockPattention.FFN).segments();
      assertEquals(List.of(7L, 3L), segments.stream().map(segment -> segment.rows()).toList());
      assertFalse(segments.getFirst().trainable());
      assertTrue(segments.getLast().trainable());
    }
  }

  @Test
  void aModelThatNeverGrewHasNoNewTokens() {
    try (Backend backend = Computing.SCALAR.open();
        Arena arena = Arena.ofConfined()) {
      Map<String, NamedTensor> tensors = tensors(PLAIN, arena);
      var e =
          assertThrows(
              ConfigException.class,
              () -> new TrainableModel(PLAIN, tensors, backend, true).close());
      assertEquals(
          "freeze_old: the model never grew, so it has no new parameter tokens; grow it first",
          e.getMessage());
    }
  }

  @Test
  void closingItClosesTheModel() {
    try (Backend backend = Computing.SCALAR.open();
        Arena arena = Arena.ofConfined()) {
      TrainableModel trainable = new TrainableModel(PLAIN, tensors(PLAIN, arena), backend);
      trainable.close();
      assertThrows(IllegalStateException.class, () -> trainable.model().newSession().close());
    }
  }

  private static Map<String, NamedTensor> tensors(TokenFormerConfig config, Arena arena) {
    return Models.byName(Models.weights(config, DType.F32, new Random(1), arena));
  }
}
