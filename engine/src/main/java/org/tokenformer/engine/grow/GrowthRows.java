package org.tokenformer.engine.grow;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.engine.model.training.SplitMix;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** Creates the new rows of keys and values. */
final class GrowthRows {
  /** Standard deviation of the parts of a zero, relative to that of new values. */
  private static final double ZERO_SPLIT_SCALE = 0.1;

  private final GrowthInit init;
  private final double valueDeviation;
  private final long seed;
  private final Arena arena;

  /**
   * Prepares the rows of one growth.
   *
   * @param valueDeviation standard deviation of new values
   * @param arena owns the created tensors
   */
  GrowthRows(GrowthInit init, double valueDeviation, long seed, Arena arena) {
    this.init = init;
    this.valueDeviation = valueDeviation;
    this.seed = seed;
    this.arena = arena;
  }

  /** Returns the random numbers of one tensor; they differ in each of its growths. */
  private RandomGenerator random(String name, long rows) {
    long own = SplitMix.hash(seed, name.hashCode(), rows);
    return RandomGeneratorFactory.of("L64X128MixRandom").create(own);
  }

  private static boolean isValues(String name) {
    return name.endsWith(TensorNames.values(""));
  }

  /**
   * Creates keys or values of a new layer.
   *
   * @param zero whether all elements are 0, for values that must add nothing
   */
  NamedTensor ofNewLayer(String name, Shape shape, DType dtype, boolean zero) {
    DType type = writableType(dtype);
    MemorySegment data = arena.allocate(shape.bytes(type), 64);
    if (!zero) {
      double deviation = isValues(name) ? valueDeviation : RandomWeights.STANDARD_DEVIATION;
      fill(random(name, 0), deviation, type, data);
    }
    return new NamedTensor(name, type, shape, data);
  }

  /** Returns the type of tensors created for this type: F64 is read, but never written. */
  static DType writableType(DType dtype) {
    return dtype == DType.F64 ? DType.F32 : dtype;
  }

  /** Returns the type of a matrix after it has grown to {@code rows} rows. */
  static DType typeOf(GrowthInit init, NamedTensor old, long rows) {
    if (init != GrowthInit.SPLIT) {
      return writableType(old.dtype());
    }
    if (!isValues(old.name())) {
      return old.dtype();
    }
    boolean halved = Long.bitCount(rows / old.shape().size(0)) == 1;
    return halved ? writableType(old.dtype()) : DType.F32;
  }

  private static void fill(
      RandomGenerator random, double deviation, DType dtype, MemorySegment data) {
    if (dtype == DType.F32) {
      fill(random, deviation, data);
      return;
    }
    long count = data.byteSize() / dtype.bytes();
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment floats = scratch.allocate(count * Float.BYTES, 64);
      fill(random, deviation, floats);
      FloatConversion.convert(DType.F32, floats, dtype, data);
    }
  }

  private static void fill(RandomGenerator random, double deviation, MemorySegment floats) {
    long count = floats.byteSize() / Float.BYTES;
    for (long i = 0; i < count; i++) {
      float value = (float) (deviation * random.nextGaussian());
      floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
  }

  /**
   * Creates a matrix with more rows. The first rows are the old ones, or their first parts after a
   * split.
   */
  NamedTensor append(NamedTensor old, long rows) {
    boolean values = isValues(old.name());
    Shape shape = Shape.of(rows, old.shape().size(1));
    if (init == GrowthInit.SPLIT) {
      return values ? split(old, shape) : repeat(old, shape);
    }
    DType dtype = typeOf(init, old, rows);
    MemorySegment data = arena.allocate(shape.bytes(dtype), 64);
    long kept = old.shape().bytes(dtype);
    FloatConversion.convert(old.dtype(), old.data(), dtype, data.asSlice(0, kept));
    if (values || init == GrowthInit.RELEASED) {
      double deviation = values ? valueDeviation : RandomWeights.STANDARD_DEVIATION;
      fill(random(old.name(), old.shape().size(0)), deviation, dtype, data.asSlice(kept));
    }
    return new NamedTensor(old.name(), dtype, shape, data);
  }

  private NamedTensor repeat(NamedTensor old, Shape shape) {
    MemorySegment data = arena.allocate(shape.bytes(old.dtype()), 64);
    for (long offset = 0; offset < data.byteSize(); offset += old.byteSize()) {
      data.asSlice(offset, old.byteSize()).copyFrom(old.data());
    }
    return new NamedTensor(old.name(), old.dtype(), shape, data);
  }

  /** Splits values into parts that sum to the original values. */
  private NamedTensor split(NamedTensor old, Shape shape) {
    DType dtype = typeOf(init, old, shape.size(0));
    MemorySegment data = arena.allocate(shape.bytes(dtype), 64);
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment whole = scratch.allocate(old.shape().bytes(DType.F32), 64);
      FloatConversion.convert(old.dtype(), old.data(), DType.F32, whole);
      if (dtype == DType.F32) {
        split(old, whole, dtype, data);
      } else {
        MemorySegment floats = scratch.allocate(shape.bytes(DType.F32), 64);
        split(old, whole, dtype, floats);
        FloatConversion.convert(DType.F32, floats, dtype, data);
      }
    }
    return new NamedTensor(old.name(), dtype, shape, data);
  }

  /** Splits F32 values into F32 parts that {@code dtype} can represent. */
  private void split(NamedTensor old, MemorySegment whole, DType dtype, MemorySegment floats) {
    long count = old.shape().elements();
    int parts = Math.toIntExact(floats.byteSize() / whole.byteSize());
    boolean halved = Integer.bitCount(parts) == 1;
    RandomGenerator random = random(old.name(), old.shape().size(0));
    float[] pieces = new float[parts];
    for (long i = 0; i < count; i++) {
      float value = whole.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      if (halved) {
        halve(value, dtype, random, pieces);
      } else {
        divide(value, random, pieces);
      }
      for (int part = 0; part < parts; part++) {
        floats.setAtIndex(ValueLayout.JAVA_FLOAT, part * count + i, pieces[part]);
      }
    }
  }

  /**
   * Splits a number in two, then each part again, and so on. One part, between a half and three
   * quarters of the number, is rounded to the type. The rest then needs no more bits than the type
   * has (Sterbenz lemma), so the sum is exact.
   */
  private void halve(float value, DType dtype, RandomGenerator random, float[] pieces) {
    pieces[0] = value;
    for (int count = 1; count < pieces.length; count *= 2) {
      for (int i = 0; i < count; i++) {
        float whole = pieces[i];
        float fraction = 0.5f + random.nextFloat() / 4;
        float half =
            whole == 0
                ? round((float) (ZERO_SPLIT_SCALE * valueDeviation * random.nextGaussian()), dtype)
                : round(whole * fraction, dtype);
        boolean first = random.nextBoolean();
        pieces[i] = first ? half : whole - half;
        pieces[i + count] = first ? whole - half : half;
      }
    }
  }

  private static float round(float value, DType dtype) {
    return switch (dtype) {
      case BF16 -> FloatConversion.bf16ToFloat(FloatConversion.floatToBf16(value));
      case F16 -> Float.float16ToFloat(Float.floatToFloat16(value));
      default -> value;
    };
  }

  /** Splits a number into any number of parts, exact up to the rounding of the last one. */
  private void divide(float value, RandomGenerator random, float[] pieces) {
    double rest = value;
    for (int i = 0; i < pieces.length - 1; i++) {
      double fraction = (0.75 + random.nextDouble() / 2) / pieces.length;
      double offset = value == 0 ? ZERO_SPLIT_SCALE * valueDeviation * random.nextGaussian() : 0;
      pieces[i] = (float) (value * fraction + offset);
      rest -= pieces[i];
    }
    pieces[pieces.length - 1] = (float) rest;
  }
}
