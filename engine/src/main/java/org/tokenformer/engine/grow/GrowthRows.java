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

/** Makes the new rows of keys and values. */
final class GrowthRows {
  /** How far the values of two copies lie apart where there is nothing to part: a tenth of new. */
  private static final double APART = 0.1;

  private final GrowthInit init;
  private final double valueScale;
  private final long seed;
  private final Arena arena;

  /**
   * For one growth.
   *
   * @param valueScale standard deviation of new values
   * @param arena holds what is made
   */
  GrowthRows(GrowthInit init, double valueScale, long seed, Arena arena) {
    this.init = init;
    this.valueScale = valueScale;
    this.seed = seed;
    this.arena = arena;
  }

  /** Every tensor has random numbers of its own, and others the next time that it grows. */
  private RandomGenerator random(String name, long rows) {
    long own = SplitMix.hash(seed, name.hashCode(), rows);
    return RandomGeneratorFactory.of("L64X128MixRandom").create(own);
  }

  private static boolean isValues(String name) {
    return name.endsWith(TensorNames.values(""));
  }

  /**
   * Keys or values of a layer that was not there.
   *
   * @param zero whether they are values that must add nothing
   */
  NamedTensor ofNewLayer(String name, Shape shape, DType dtype, boolean zero) {
    DType type = written(dtype);
    MemorySegment data = arena.allocate(shape.bytes(type), 64);
    if (!zero) {
      double scale = isValues(name) ? valueScale : RandomWeights.STANDARD_DEVIATION;
      fill(random(name, 0), scale, type, data);
    }
    return new NamedTensor(name, type, shape, data);
  }

  /** The type of what is made beside this one: F64 is read, never written. */
  static DType written(DType dtype) {
    return dtype == DType.F64 ? DType.F32 : dtype;
  }

  /** The type of a matrix that gets so many rows. */
  static DType typeOf(GrowthInit init, NamedTensor old, long rows) {
    if (init != GrowthInit.SPLIT) {
      return written(old.dtype());
    }
    if (!isValues(old.name())) {
      return old.dtype();
    }
    boolean halves = Long.bitCount(rows / old.shape().size(0)) == 1;
    return halves ? written(old.dtype()) : DType.F32;
  }

  private static void fill(RandomGenerator random, double scale, DType dtype, MemorySegment data) {
    if (dtype == DType.F32) {
      fill(random, scale, data);
      return;
    }
    long count = data.byteSize() / dtype.bytes();
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment floats = scratch.allocate(count * Float.BYTES, 64);
      fill(random, scale, floats);
      FloatConversion.convert(DType.F32, floats, dtype, data);
    }
  }

  private static void fill(RandomGenerator random, double scale, MemorySegment floats) {
    long count = floats.byteSize() / Float.BYTES;
    for (long i = 0; i < count; i++) {
      float value = (float) (scale * random.nextGaussian());
      floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
  }

  /**
   * A matrix with more rows, of which the first are the old ones, or what a split leaves of them.
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
      double scale = values ? valueScale : RandomWeights.STANDARD_DEVIATION;
      fill(random(old.name(), old.shape().size(0)), scale, dtype, data.asSlice(kept));
    }
    return new NamedTensor(old.name(), dtype, shape, data);
  }

  private NamedTensor repeat(NamedTensor old, Shape shape) {
    MemorySegment data = arena.allocate(shape.bytes(old.dtype()), 64);
    for (long at = 0; at < data.byteSize(); at += old.byteSize()) {
      data.asSlice(at, old.byteSize()).copyFrom(old.data());
    }
    return new NamedTensor(old.name(), old.dtype(), shape, data);
  }

  /** Values in parts whose sum is what they were. */
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

  /** From F32 to F32, every part a number that {@code dtype} holds. */
  private void split(NamedTensor old, MemorySegment whole, DType dtype, MemorySegment floats) {
    long count = old.shape().elements();
    int parts = Math.toIntExact(floats.byteSize() / whole.byteSize());
    boolean halves = Integer.bitCount(parts) == 1;
    RandomGenerator random = random(old.name(), old.shape().size(0));
    float[] pieces = new float[parts];
    for (long i = 0; i < count; i++) {
      float value = whole.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      if (halves) {
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
   * Parts a number in two, those again, and so on. One half is rounded to the type; it lies between
   * a half and three quarters of the number, so that what is left has no more bits than the type
   * holds (Sterbenz' lemma) and the sum is exact.
   */
  private void halve(float value, DType dtype, RandomGenerator random, float[] pieces) {
    pieces[0] = value;
    for (int have = 1; have < pieces.length; have *= 2) {
      for (int i = 0; i < have; i++) {
        float whole = pieces[i];
        float fraction = 0.5f + random.nextFloat() / 4;
        float half =
            whole == 0
                ? round((float) (APART * valueScale * random.nextGaussian()), dtype)
                : round(whole * fraction, dtype);
        boolean first = random.nextBoolean();
        pieces[i] = first ? half : whole - half;
        pieces[i + have] = first ? whole - half : half;
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

  /** Parts a number in any number of parts, up to the rounding of the last one. */
  private void divide(float value, RandomGenerator random, float[] pieces) {
    double left = value;
    for (int i = 0; i < pieces.length - 1; i++) {
      double fraction = (0.75 + random.nextDouble() / 2) / pieces.length;
      double apart = value == 0 ? APART * valueScale * random.nextGaussian() : 0;
      pieces[i] = (float) (value * fraction + apart);
      left -= pieces[i];
    }
    pieces[pieces.length - 1] = (float) left;
  }
}
