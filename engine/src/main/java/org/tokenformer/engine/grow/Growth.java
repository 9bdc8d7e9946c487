package org.tokenformer.engine.grow;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.SizeGroup;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * One growth of a model: parameter tokens are appended to its Pattentions, and new layers follow
 * its last one. In an exact growth new layers change nothing initially, since the values of their
 * projection and feed-forward network are 0. Embedding, head, last normalisation and C stay (paper,
 * section 3.3).
 */
public final class Growth {
  private final TokenFormerConfig before;
  private final TokenFormerConfig after;
  private final GrowthInit init;

  private Growth(TokenFormerConfig before, TokenFormerConfig after, GrowthInit init) {
    this.before = before;
    this.after = after;
    this.init = init;
  }

  /**
   * Plans a growth.
   *
   * @throws ConfigException if a size would decrease, or if this model cannot grow this way without
   *     changing what it computes; the message names a way that works
   */
  public static Growth of(TokenFormerConfig config, GrowthPlan plan, GrowthInit init) {
    List<LayerSizes> target = plan.target(config);
    Map<String, Float> taus = new TreeMap<>(config.taus());
    for (int layer = 0; layer < config.layers().size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        int count = config.layers().get(layer).of(which);
        int grown = target.get(layer).of(which);
        if (grown > count) {
          checkExact(config.theta(), init, which.group(), layer, count, grown);
          setTau(taus, config, layer, which, grown, init);
        }
      }
    }
    List<List<LayerSizes>> history = new ArrayList<>(config.history());
    history.add(config.layers());
    return new Growth(config, config.withLayers(target, taus, history), init);
  }

  private static void checkExact(
      Theta theta, GrowthInit init, SizeGroup group, int layer, int count, int grown) {
    if (init == GrowthInit.ZERO && theta == Theta.SOFTMAX) {
      throw new ConfigException(
          "init",
          "'zero' cannot grow a softmax model without changing it, since each new key adds"
              + " exp(0) = 1 to every sum; use 'split' and whole multiples");
    }
    if (init == GrowthInit.SPLIT && grown % count != 0) {
      throw new ConfigException(
          group.toString(),
          "%d is not a whole multiple of the %d of layer %d, but 'split' makes the same number"
                  .formatted(grown, count, layer)
              + " of copies of every token; use %d%s"
                  .formatted(
                      (grown / count + 1) * count,
                      theta == Theta.SOFTMAX ? "" : ", or the init 'zero'"));
    }
  }

  private static void setTau(
      Map<String, Float> taus,
      TokenFormerConfig config,
      int layer,
      BlockPattention which,
      int grown,
      GrowthInit init) {
    String name = TensorNames.pattention(layer, which);
    float tau = config.tau(layer, which);
    float oldDefault = config.theta().defaultTau(config.layers().get(layer).of(which));
    float grownDefault = config.theta().defaultTau(grown);
    boolean isDefault = !config.taus().containsKey(name);
    float grownTau =
        switch (init) {
          case ZERO -> tau;
          case SPLIT ->
              isDefault ? grownDefault : (float) ((double) tau * grownDefault / oldDefault);
          case RELEASED -> grownDefault;
        };
    config.noteTau(taus, name, grown, grownTau);
  }

  /** Returns the configuration before the growth. */
  public TokenFormerConfig before() {
    return before;
  }

  /** Returns the configuration after the growth. */
  public TokenFormerConfig after() {
    return after;
  }

  /** Returns whether the model computes the same as before, up to the rounding of longer sums. */
  public boolean isExact() {
    return init != GrowthInit.RELEASED;
  }

  /**
   * Returns the weights of the grown model in the types of the old ones, or F32 for parts of a
   * split that those types cannot hold exactly.
   *
   * @param weights every tensor of the model before
   * @param values initialisation scale of new values
   * @param seed same seed, same weights
   * @param arena owns the new tensors
   */
  Map<String, NamedTensor> weights(
      Map<String, NamedTensor> weights, InitialValues values, long seed, Arena arena) {
    var rows = new GrowthRows(init, values.standardDeviation(after), seed, arena);
    Map<String, NamedTensor> grown = new LinkedHashMap<>();
    NamedTensor model = Objects.requireNonNull(weights.get(TensorNames.EMBEDDING));
    Map<String, Boolean> zeroNames = zeroValues();
    for (Map.Entry<String, Shape> entry : TensorNames.shapes(after).entrySet()) {
      String name = entry.getKey();
      Shape shape = entry.getValue();
      NamedTensor old = weights.get(name);
      if (old == null) {
        boolean zero = zeroNames.getOrDefault(name, false) && isExact();
        grown.put(name, rows.ofNewLayer(name, shape, model.dtype(), zero));
      } else {
        grown.put(name, old.shape().equals(shape) ? old : rows.append(old, shape.size(0)));
      }
    }
    return grown;
  }

  /**
   * Returns the bytes of the tensors that the growth creates; unchanged ones take none.
   *
   * @param weights every tensor of the model before
   * @throws ArithmeticException if they exceed a long
   */
  public long newBytes(Map<String, NamedTensor> weights) {
    NamedTensor model = Objects.requireNonNull(weights.get(TensorNames.EMBEDDING));
    long sum = 0;
    for (Map.Entry<String, Shape> entry : TensorNames.shapes(after).entrySet()) {
      Shape shape = entry.getValue();
      NamedTensor old = weights.get(entry.getKey());
      if (old == null) {
        sum = Math.addExact(sum, shape.bytes(GrowthRows.writableType(model.dtype())));
      } else if (!old.shape().equals(shape)) {
        sum = Math.addExact(sum, shape.bytes(GrowthRows.typeOf(init, old, shape.size(0))));
      }
    }
    return sum;
  }

  /** Returns the names of the values of new layers whose branches must add nothing. */
  private Map<String, Boolean> zeroValues() {
    Map<String, Boolean> zeroNames = new LinkedHashMap<>();
    for (int layer = before.layers().size(); layer < after.layers().size(); layer++) {
      for (var which : List.of(BlockPattention.PROJECTION, BlockPattention.FFN)) {
        zeroNames.put(TensorNames.values(TensorNames.pattention(layer, which)), true);
      }
    }
    return zeroNames;
  }

  /**
   * Copies row-aligned companions of the weights, such as moments: the old rows come first, and
   * those of new parameter tokens stay 0.
   *
   * @param old companions of the weights before the growth, by the weight's name
   * @param grown companions of the weights after the growth, in new memory of the backend
   */
  public static void carryOver(
      SequencedMap<String, Tensor> old, SequencedMap<String, Tensor> grown, Backend backend) {
    for (Map.Entry<String, Tensor> entry : old.entrySet()) {
      Tensor tensor = entry.getValue();
      Tensor to = Objects.requireNonNull(grown.get(entry.getKey()));
      boolean same = to.shape().equals(tensor.shape());
      backend.copy(tensor, same ? to : to.rows(0, tensor.rows()));
    }
  }
}
