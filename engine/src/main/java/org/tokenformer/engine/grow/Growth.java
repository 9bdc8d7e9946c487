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
 * One growth of a model: parameter tokens are appended to its Pattentions, and layers that change
 * nothing at first (the values of their projection and feed-forward part are 0) after its last one.
 * Embedding, head, last norm and C stay (paper, section 3.3).
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
   * @throws ConfigException if something would become less, or this model cannot grow so without
   *     changing what it computes; says which way can
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
          "'zero' cannot grow a softmax model without changing it, since exp(0) = 1 joins the"
              + " sum of every token; use 'split', by whole multiples");
    }
    if (init == GrowthInit.SPLIT && grown % count != 0) {
      throw new ConfigException(
          group.toString(),
          "%d is not a whole multiple of the %d of layer %d, and 'split' parts every token into as"
                  .formatted(grown, count, layer)
              + " many; use %d%s"
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
    float usual = config.theta().defaultTau(config.layers().get(layer).of(which));
    float usualGrown = config.theta().defaultTau(grown);
    boolean isUsual = !config.taus().containsKey(name);
    float grownTau =
        switch (init) {
          case ZERO -> tau;
          case SPLIT -> isUsual ? usualGrown : (float) ((double) tau * usualGrown / usual);
          case RELEASED -> usualGrown;
        };
    config.noteTau(taus, name, grown, grownTau);
  }

  /** What the model was made of. */
  public TokenFormerConfig before() {
    return before;
  }

  /** What the model is made of when it has grown. */
  public TokenFormerConfig after() {
    return after;
  }

  /** Whether the model computes what it did, but for the rounding of longer sums. */
  public boolean isExact() {
    return init != GrowthInit.RELEASED;
  }

  /**
   * The weights of the grown model, in the types of the old ones; parts of a split that those
   * cannot hold exactly are F32.
   *
   * @param weights every tensor of the model before
   * @param values how loud new values begin
   * @param seed same seed, same weights
   * @param arena holds what is new
   */
  Map<String, NamedTensor> weights(
      Map<String, NamedTensor> weights, InitialValues values, long seed, Arena arena) {
    var rows = new GrowthRows(init, values.standardDeviation(after), seed, arena);
    Map<String, NamedTensor> grown = new LinkedHashMap<>();
    NamedTensor model = Objects.requireNonNull(weights.get(TensorNames.EMBEDDING));
    Map<String, Boolean> silent = silentValues();
    for (Map.Entry<String, Shape> entry : TensorNames.shapes(after).entrySet()) {
      String name = entry.getKey();
      Shape shape = entry.getValue();
      NamedTensor old = weights.get(name);
      if (old == null) {
        boolean zero = silent.getOrDefault(name, false) && isExact();
        grown.put(name, rows.ofNewLayer(name, shape, model.dtype(), zero));
      } else {
        grown.put(name, old.shape().equals(shape) ? old : rows.append(old, shape.size(0)));
      }
    }
    return grown;
  }

  /**
   * Bytes of the tensors that the growth makes; those that stay take none.
   *
   * @param weights every tensor of the model before
   * @throws ArithmeticException if they are more than a long can count
   */
  public long newBytes(Map<String, NamedTensor> weights) {
    NamedTensor model = Objects.requireNonNull(weights.get(TensorNames.EMBEDDING));
    long sum = 0;
    for (Map.Entry<String, Shape> entry : TensorNames.shapes(after).entrySet()) {
      Shape shape = entry.getValue();
      NamedTensor old = weights.get(entry.getKey());
      if (old == null) {
        sum = Math.addExact(sum, shape.bytes(GrowthRows.written(model.dtype())));
      } else if (!old.shape().equals(shape)) {
        sum = Math.addExact(sum, shape.bytes(GrowthRows.typeOf(init, old, shape.size(0))));
      }
    }
    return sum;
  }

  /** The values of new layers whose branches must add nothing, by name. */
  private Map<String, Boolean> silentValues() {
    Map<String, Boolean> silent = new LinkedHashMap<>();
    for (int layer = before.layers().size(); layer < after.layers().size(); layer++) {
      for (var which : List.of(BlockPattention.PROJECTION, BlockPattention.FFN)) {
        silent.put(TensorNames.values(TensorNames.pattention(layer, which)), true);
      }
    }
    return silent;
  }

  /**
   * Carries companions of the weights over, such as moments: the rows that were there before come
   * first, those of new ones stay as they are, at 0.
   *
   * @param old companions of the weights before, by the weight's name
   * @param grown companions of the weights after, in a backend's new memory
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
