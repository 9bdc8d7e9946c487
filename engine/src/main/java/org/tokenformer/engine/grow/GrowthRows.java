package org.tokenformer.engine.grow;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.RandomWeights;
import org.tokenformer.engine.model.SplitMix;
import org.tokenformer.engine.model.TensorNames;
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
    DType type = dtype == DType.F64 ? DType.F32 : dtype;
    MemorySegment data = arena.allocate(shape.bytes(type), 64);
    if (!zero) {
      double scale = isValues(name) ? valueScale : RandomWeights.STANDARD_DEVIATION;
      fill(random(name, 0), scale, type, data);
    }
    return new NamedTensor(name, type, shape, data);
  }

  private void fill(RandomGenerator random, double scale, DType dtype, MemorySegment data) {
    long count = data.byteSize() / dtype.bytes();
    MemorySegment floats = arena.allocate(count * Float.BYTES, 64);
    for (long i = 0; i < count; i++) {
      float value = (float) (scale * random.nextGaussian());
      floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
    FloatConversion.convert(DType.F32, floats, dtype, data);
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
    DType dtype = old.dtype() == DType.F64 ? DType.F32 : old.dtype();
    MemorySegment data = arena.allocate(shape.bytes(dtype), 64);
    long kept = old.shape().bytes(dtype);
    convert(old, dtype, data.asSlice(0, kept));
    if (values || init == GrowthInit.RELEASED) {
      double scale = values ? valueScale : RandomWeights.STANDARD_DEVIATION;
      fill(random(old.name(), old.shape().size(0)), scale, dtype, data.asSlice(kept));
    }
    return new NamedTensor(old.name(), dtype, shape, data);
  }

  private static void convert(NamedTensor from, DType dtype, MemorySegment to) {
    if (from.dtype() == dtype) {
      to.copyFrom(from.data());
    } else {
      FloatConversion.convert(from.dtype(), from.data(), dtype, to);
    }
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
    long count = old.shape().elements();
    int parts = Math.toIntExact(shape.size(0) / old.shape().size(0));
    boolean halves = Integer.bitCount(parts) == 1;
    boolean narrow = halves && (old.dtype() == DType.BF16 || old.dtype() == DType.F16);
    DType dtype = narrow ? old.dtype() : DType.F32;
    MemorySegment whole = arena.allocate(count * Float.BYTES, 64);
    convert(old, DType.F32, whole);
    MemorySegment floats = arena.allocate(shape.elements() * Float.BYTES, 64);
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
    MemorySegment data = floats;
    if (dtype != DType.F32) {
      data = arena.allocate(shape.bytes(dtype), 64);
      FloatConversion.convert(DType.F32, floats, dtype, data);
    }
    return new NamedTensor(old.name(), dtype, shape, data);
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
        float share = 0.5f + random.nextFloat() / 4;
        float half =
            whole == 0
                ? round((float) (APART * valueScale * random.nextGaussian()), dtype)
                : round(whole * share, dtype);
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
      double share = (0.75 + random.nextDouble() / 2) / pieces.length;
      double apart = value == 0 ? APART * valueScale * random.nextGaussian() : 0;
      pieces[i] = (float) (value * share + apart);
      left -= pieces[i];
    }
    pieces[pieces.length - 1] = (float) left;
  }
}
