package org.tokenformer.engine.grow;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.grow.Growths.Grown;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Seeds;

/** A grown model computes the same as before. */
final class ExactGrowthTest {
  /**
   * How far the change by a growth may exceed the largest of {@link #DISTURBANCES} disturbances of
   * the model. Both are the model's own rounding: a split adds the same numbers in another order,
   * and rounds τ and, unless it halves, the values once. How much roundings matter depends on the
   * model, so no constant fits all. Measured, the change is at most 1.7 times the disturbances.
   */
  private static final double SPREAD = 4;

  private static final int DISTURBANCES = 2;

  private static final DType[] TYPES = {DType.F32, DType.BF16, DType.F16};
  private static final int ROUNDS = 6;

  /** A growth that the kind of Θ allows, on one backend. */
  private record Case(Computing computing, Theta theta, GrowthInit init) {
    boolean isBitExact() {
      return init == GrowthInit.ZERO;
    }
  }

  private static List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Computing computing : Computing.values()) {
      for (Theta theta : Theta.values()) {
        cases.add(new Case(computing, theta, GrowthInit.SPLIT));
        if (theta != Theta.SOFTMAX) {
          cases.add(new Case(computing, theta, GrowthInit.ZERO));
        }
      }
    }
    return cases;
  }

  /**
   * Bit-identical with zero-initialised keys, which only add zeros to sums; otherwise equal up to
   * the rounding of sums.
   */
  @TestFactory
  Stream<DynamicTest> logitsStayThroughTwoGrowths() {
    Random seeds = Seeds.random("ExactGrowthTest");
    return cases().stream()
        .map(c -> {
          long seed = seeds.nextLong();
          return DynamicTest.dynamicTest(c.toString(), () -> check(c, new Random(seed)));
        });
  }

  private static void check(Case c, Random random) {
    double worst = 0;
    try (Backend backend = c.computing.open()) {
      for (int round = 0; round < ROUNDS; round++) {
        DType dtype = TYPES[round % TYPES.length];
        try (Arena arena = Arena.ofConfined()) {
          Grown model = Growths.model(c.theta, dtype, random, arena);
          int length = round == 0 ? Growths.CONTEXT : 2 + random.nextInt(60);
          int[] ids = Models.ids(random, length);
          int oneByOne = 1 + random.nextInt(Math.min(length - 1, 20));
          float[] expected = logits(model, backend, ids, oneByOne);
          double tolerance =
              c.isBitExact() ? 0 : SPREAD * rounding(model, backend, ids, oneByOne, expected);
          String story = "";
          for (int growth = 0; growth < 2; growth++) {
            GrowthPlan plan = Growths.plan(model.config(), c.init, random);
            story += " " + plan;
            model = model.by(plan, c.init, random.nextLong(), arena);
            float[] actual = logits(model, backend, ids, oneByOne);
            double change = Growths.relativeChange(expected, actual);
            String what = c + " " + dtype + story + ": " + change + " > " + tolerance;
            if (c.isBitExact()) {
              assertArrayEquals(expected, actual, what);
            } else {
              assertTrue(change <= tolerance, what);
              worst = Math.max(worst, change / tolerance);
            }
          }
        }
      }
    }
    System.out.printf("%s: largest change %.2f of the tolerance%n", c, worst);
  }

  private static float[] logits(Grown model, Backend backend, int[] ids, int oneByOne) {
    try (TokenFormer open = model.open(backend)) {
      return Growths.logits(open, ids, oneByOne);
    }
  }

  /** Returns how much rounding matters in a model: the largest change by a disturbance. */
  private static double rounding(
      Grown model, Backend backend, int[] ids, int oneByOne, float[] expected) {
    double largest = 0;
    for (int i = 0; i < DISTURBANCES; i++) {
      try (Arena arena = Arena.ofConfined()) {
        Grown disturbed = model.disturbed(new Random(i), arena);
        float[] actual = logits(disturbed, backend, ids, oneByOne);
        largest = Math.max(largest, Growths.relativeChange(expected, actual));
      }
    }
    return largest;
  }

  @ParameterizedTest
  @EnumSource(Theta.class)
  void releasedInitChangesTheLogitsConsiderably(Theta theta) {
    Random random = Seeds.random("releasedInitChangesTheLogitsConsiderably");
    try (Backend backend = Computing.VECTOR_256.open();
        Arena arena = Arena.ofConfined()) {
      Grown model = Growths.model(theta, DType.F32, random, arena);
      int[] ids = Models.ids(random, 20);
      GrowthPlan plan = GrowthPlan.parse("ffn=150,qkv=70");
      Grown grown = model.by(plan, GrowthInit.RELEASED, 1, arena);
      assertFalse(Growth.of(model.config(), plan, GrowthInit.RELEASED).isExact());
      try (TokenFormer before = model.open(backend);
          TokenFormer after = grown.open(backend)) {
        double change =
            Growths.relativeChange(Growths.logits(before, ids, 1), Growths.logits(after, ids, 1));
        assertTrue(change > 0.01, theta + " changed by " + change);
      }
    }
  }

  /** The parts of a value differ and sum to it exactly in each type. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "BF16", "F16"})
  void partsSumToTheWhole(DType dtype) {
    Random random = Seeds.random("partsSumToTheWhole");
    String keys = "layers.0.ffn.key_param_tokens";
    String values = "layers.0.ffn.value_param_tokens";
    try (Arena arena = Arena.ofConfined()) {
      Grown model = Growths.model(Theta.SOFTMAX, dtype, random, arena);
      int count = model.config().layers().getFirst().ffn();
      for (int parts : new int[] {2, 3, 4, 6, 8}) {
        GrowthPlan plan = GrowthPlan.parse("ffn=%d@0".formatted(parts * count));
        Grown grown = model.by(plan, GrowthInit.SPLIT, random.nextLong(), arena);
        boolean halves = Integer.bitCount(parts) == 1;
        NamedTensor split = tensor(grown.weights(), values);
        assertEquals(halves ? dtype : DType.F32, split.dtype(), parts + " parts");
        assertEquals(dtype, tensor(grown.weights(), keys).dtype());
        float[] before = floats(tensor(model.weights(), values));
        float[] after = floats(split);
        float[] keysBefore = floats(tensor(model.weights(), keys));
        float[] keysAfter = floats(tensor(grown.weights(), keys));
        int different = 0;
        for (int i = 0; i < before.length; i++) {
          double sum = 0;
          for (int part = 0; part < parts; part++) {
            sum += after[part * before.length + i];
            assertEquals(keysBefore[i], keysAfter[part * before.length + i]);
          }
          different += after[i] == after[before.length + i] ? 0 : 1;
          double rounding = halves ? 0 : Math.ulp(before[i]);
          assertEquals(before[i], sum, rounding, dtype + " in " + parts);
        }
        assertTrue(different > 0.9 * before.length, different + " of " + before.length);
      }
    }
  }

  /** Extreme values of each type: zeros, the smallest and the largest numbers. */
  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "BF16", "F16"})
  void extremeValuesSplitExactly(DType dtype) {
    float smallest = dtype == DType.F16 ? 0x1p-24f : dtype == DType.BF16 ? 0x1p-133f : 0x1p-149f;
    float largest = dtype == DType.F16 ? 65504 : 0x1.fep127f;
    float[] extremes = {0, -0f, smallest, -smallest, 3 * smallest, 5 * smallest, largest, -largest};
    Random random = Seeds.random("extremeValuesSplitExactly");
    String name = "layers.0.ffn.value_param_tokens";
    try (Arena arena = Arena.ofConfined()) {
      Grown model = Growths.model(Theta.L2_NORM_GELU, dtype, random, arena);
      NamedTensor old = tensor(model.weights(), name);
      MemorySegment floats = arena.allocate(old.shape().bytes(DType.F32), 64);
      for (int i = 0; i < old.shape().elements(); i++) {
        floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, extremes[i % extremes.length]);
      }
      MemorySegment data = arena.allocate(old.byteSize(), 64);
      FloatConversion.convert(DType.F32, floats, dtype, data);
      model.weights().put(name, new NamedTensor(name, dtype, old.shape(), data));
      int count = model.config().layers().getFirst().ffn();
      GrowthPlan plan = GrowthPlan.parse("ffn=%d@0".formatted(4 * count));
      Grown grown = model.by(plan, GrowthInit.SPLIT, random.nextLong(), arena);
      float[] after = floats(tensor(grown.weights(), name));
      int stride = after.length / 4;
      for (int i = 0; i < stride; i++) {
        BigDecimal sum = BigDecimal.ZERO; // doubles would lose the smallest numbers
        for (int part = 0; part < 4; part++) {
          sum = sum.add(new BigDecimal(after[part * stride + i]));
        }
        BigDecimal whole = new BigDecimal(extremes[i % extremes.length]);
        assertEquals(0, whole.compareTo(sum), whole + " became " + sum);
      }
    }
  }

  /** The created bytes are those counted beforehand; closing twice is allowed. */
  @ParameterizedTest
  @EnumSource(GrowthInit.class)
  void newBytesAreCounted(GrowthInit init) {
    Random random = Seeds.random("newBytesAreCounted");
    for (DType dtype : TYPES) {
      for (int times : new int[] {2, 3}) {
        try (Arena arena = Arena.ofConfined()) {
          Grown model = Growths.model(Theta.L2_NORM_GELU, dtype, random, arena);
          int count = model.config().layers().getFirst().ffn();
          int layers = model.config().layers().size() + 1;
          String text = "ffn=%d@0,layers=%d".formatted(times * count, layers);
          Growth growth = Growth.of(model.config(), GrowthPlan.parse(text), init);
          var weights = new GrownWeights(growth, model.weights(), InitialValues.SCALED, 1);
          long bytes = 0;
          for (NamedTensor tensor : weights.byName().values()) {
            boolean stayed = tensor.equals(model.weights().get(tensor.name()));
            bytes += stayed ? 0 : tensor.byteSize();
          }
          assertEquals(bytes, growth.newBytes(model.weights()), dtype + " " + text);
          weights.close();
          weights.close();
        }
      }
    }
  }

  /** The same seed gives the same rows; another seed or a second growth gives others. */
  @Test
  void newRowsDependOnTheSeed() {
    Random random = Seeds.random("newRowsDependOnTheSeed");
    String name = "layers.0.ffn.value_param_tokens";
    try (Arena arena = Arena.ofConfined()) {
      Grown model = Growths.model(Theta.L2_NORM_GELU, DType.F32, random, arena);
      int count = model.config().layers().getFirst().ffn();
      GrowthPlan plan = GrowthPlan.parse("ffn=%d@0".formatted(count + 100));
      float[] first = floats(tensor(model.by(plan, GrowthInit.ZERO, 1, arena).weights(), name));
      float[] again = floats(tensor(model.by(plan, GrowthInit.ZERO, 1, arena).weights(), name));
      float[] other = floats(tensor(model.by(plan, GrowthInit.ZERO, 2, arena).weights(), name));
      assertArrayEquals(first, again);
      int channels = model.config().hiddenSize();
      int newRow = count * channels;
      assertTrue(first[newRow] != other[newRow]);
      Grown twice =
          model
              .by(GrowthPlan.parse("ffn=%d@0".formatted(count + 1)), GrowthInit.ZERO, 1, arena)
              .by(plan, GrowthInit.ZERO, 1, arena);
      float[] second = floats(tensor(twice.weights(), name));
      assertEquals(first[newRow], second[newRow]);
      assertTrue(second[newRow] != second[newRow + channels]);
    }
  }

  private static NamedTensor tensor(Map<String, NamedTensor> weights, String name) {
    return Objects.requireNonNull(weights.get(name));
  }

  private static float[] floats(NamedTensor tensor) {
    float[] values = new float[(int) tensor.shape().elements()];
    FloatConversion.convert(
        tensor.dtype(), tensor.data(), DType.F32, MemorySegment.ofArray(values));
    return values;
  }
}
