package org.tokenformer.engine.grow;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.grow.GrowthPlan.Size;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.SizeGroup;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Tensors;

/** Random models and random growths of them. */
final class Growths {
  static final int CONTEXT = 300;

  private static final int VOCABULARY = 40;

  /**
   * Standard deviation that gives scores within ±1 and branches as large as their input, as in
   * trained models. Larger ones magnify rounding errors.
   */
  private static final double SCALE = 0.1;

  /** Minimum tokens: with a single token, gelu(s)/|gelu(s)| would be discontinuous at s = 0. */
  private static final int MIN_SIZE = 8;

  private Growths() {}

  /** A model's configuration and weights. */
  record Grown(TokenFormerConfig config, Map<String, NamedTensor> weights) {
    TokenFormer open(Backend backend) {
      return ModelLoader.load(config, weights, backend, () -> {});
    }

    /** Returns the model after a growth. */
    Grown by(GrowthPlan plan, GrowthInit init, long seed, Arena arena) {
      Growth growth = Growth.of(config, plan, init);
      var values = InitialValues.RELEASED; // the larger ones
      return new Grown(growth.after(), growth.weights(weights, values, seed, arena));
    }

    /**
     * Returns the same model but for rounding: the parameter tokens of each Pattention in another
     * order, so that sums are added in another one, and every value and τ moved to one of its
     * neighbours in F32.
     */
    Grown disturbed(Random random, Arena arena) {
      Map<String, NamedTensor> changed = new LinkedHashMap<>(weights);
      Map<String, Float> taus = new TreeMap<>(config.taus());
      for (int layer = 0; layer < config.layers().size(); layer++) {
        for (BlockPattention which : BlockPattention.values()) {
          String name = TensorNames.pattention(layer, which);
          int[] order = order(config.layers().get(layer).of(which), random);
          changed.compute(TensorNames.keys(name), (_, keys) -> reordered(keys, order, null, arena));
          changed.compute(
              TensorNames.values(name), (_, values) -> reordered(values, order, random, arena));
          taus.put(name, neighbour(config.tau(layer, which), random));
        }
      }
      return new Grown(config.withLayers(config.layers(), taus, config.history()), changed);
    }
  }

  private static int[] order(int count, Random random) {
    List<Integer> rows = new ArrayList<>(IntStream.range(0, count).boxed().toList());
    Collections.shuffle(rows, random);
    return rows.stream().mapToInt(row -> row).toArray();
  }

  private static float neighbour(float value, Random random) {
    return random.nextBoolean() ? Math.nextUp(value) : Math.nextDown(value);
  }

  /** Returns the rows as F32 in another order, their elements moved if there is a generator. */
  private static NamedTensor reordered(
      @Nullable NamedTensor tensor, int[] order, @Nullable Random random, Arena arena) {
    NamedTensor old = Objects.requireNonNull(tensor);
    float[] values = new float[(int) old.shape().elements()];
    FloatConversion.convert(old.dtype(), old.data(), DType.F32, MemorySegment.ofArray(values));
    int columns = values.length / order.length;
    MemorySegment data = arena.allocate(old.shape().bytes(DType.F32), 64);
    for (int i = 0; i < values.length; i++) {
      float value = values[order[i / columns] * columns + i % columns];
      float moved = random == null ? value : neighbour(value, random);
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, moved);
    }
    return new NamedTensor(old.name(), DType.F32, old.shape(), data);
  }

  /**
   * A model with one to three layers of individual sizes, half of the Pattentions with an
   * individual τ.
   */
  static Grown model(Theta theta, DType dtype, Random random, Arena arena) {
    List<LayerSizes> layers = new ArrayList<>();
    for (int layer = 1 + random.nextInt(3); layer > 0; layer--) {
      layers.add(
          new LayerSizes(
              MIN_SIZE + random.nextInt(40),
              MIN_SIZE + random.nextInt(40),
              MIN_SIZE + random.nextInt(100)));
    }
    Map<String, Float> taus = new TreeMap<>();
    for (int layer = 0; layer < layers.size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        if (random.nextBoolean()) {
          float usual = theta.defaultTau(layers.get(layer).of(which));
          taus.put(TensorNames.pattention(layer, which), usual * (0.5f + random.nextFloat()));
        }
      }
    }
    int heads = 1 + random.nextInt(3);
    TokenFormerConfig config =
        new TokenFormerConfig(
            heads * 4 * (1 + random.nextInt(4)),
            heads,
            layers,
            VOCABULARY,
            Models.IDS,
            CONTEXT,
            theta,
            taus,
            0.5,
            10000,
            1e-5f,
            random.nextBoolean());
    return new Grown(config, Models.byName(Models.weights(config, dtype, SCALE, random, arena)));
  }

  /**
   * Grows some groups of some layers, by whole multiples for a split, and sometimes adds layers.
   */
  static GrowthPlan plan(TokenFormerConfig config, GrowthInit init, Random random) {
    List<Size> sizes = new ArrayList<>();
    for (int layer = 0; layer < config.layers().size(); layer++) {
      for (SizeGroup group : SizeGroup.values()) {
        int count = config.layers().get(layer).of(group);
        if (random.nextBoolean()) {
          int factor = 2 + random.nextInt(4);
          int more = 1 + random.nextInt(90);
          int grown = init == GrowthInit.SPLIT ? factor * count : count + more;
          sizes.add(new Size(group, grown, layer, layer));
        }
      }
    }
    boolean deeper = sizes.isEmpty() || random.nextBoolean();
    int layers = deeper ? config.layers().size() + 1 + random.nextInt(2) : 0;
    if (deeper && random.nextBoolean()) {
      int first = config.layers().size();
      sizes.add(new Size(SizeGroup.FFN, 1 + random.nextInt(70), first, first));
    }
    return new GrowthPlan(sizes, layers);
  }

  /** Logits of every id, (T, V): in chunks, and the last ones id by id. */
  static float[] logits(TokenFormer model, int[] ids, int oneByOne) {
    int vocabulary = model.config().vocabularySize();
    float[] all = new float[ids.length * vocabulary];
    try (Session session = model.newSession()) {
      int[] prompt = Arrays.copyOf(ids, ids.length - oneByOne);
      session.logits(
          prompt,
          (first, logits) -> {
            float[] rows = Tensors.get(model.backend(), logits);
            System.arraycopy(rows, 0, all, first * vocabulary, rows.length);
          },
          null);
      for (int i = prompt.length; i < ids.length; i++) {
        float[] row = Tensors.get(model.backend(), session.decode(ids[i]));
        System.arraycopy(row, 0, all, i * vocabulary, vocabulary);
      }
    }
    return all;
  }

  /**
   * The largest difference relative to the largest magnitude in the first array; NaN if there is
   * one.
   */
  static double relativeChange(float[] before, float[] after) {
    double change = 0;
    double largest = 0;
    for (int i = 0; i < before.length; i++) {
      double difference = Math.abs((double) before[i] - after[i]);
      change = Double.isNaN(difference) ? Double.NaN : Math.max(change, difference);
      largest = Math.max(largest, Math.abs(before[i]));
    }
    return change / largest;
  }
}
