package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.FLOATS;
import static org.tokenformer.engine.backend.vector.Simd.INTS;
import static org.tokenformer.engine.backend.vector.Simd.LE;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import org.tokenformer.engine.backend.Dropout;

/**
 * Loops over vectors that compute exp, gelu and sums with basic arithmetic only, so results are
 * bit-identical on every machine.
 *
 * <p>They are loops rather than functions of a vector, and the polynomials are written out in them:
 * C2 has an inlining budget, and if it runs out within a large caller, a vector that is passed to a
 * method is boxed, once per number.
 *
 * <p>Sums keep track of what each addition loses (Knuth's two-sum; Ogita, Rump and Oishi's dot
 * product) and add it at the end. The error of a sum scales a whole row, so it does not average out
 * like the errors of single numbers: without compensation it was most of a model's error.
 *
 * <p>Loop-carried vectors are arguments of operations, never the receiver: C2 would look up the
 * receiver's class from the profile, and in one process of forty the vector then had to be an
 * object in every iteration. Hence total + chain is written as 1·chain + total, which is
 * bit-identical.
 */
final class VectorMath {
  private static final float LOG2_E = 1.442695f;
  // ln 2 in two parts; the first has so few bits that its product with a small integer is exact.
  private static final float LN2_HIGH = 0.6933594f;
  private static final float LN2_LOW = -2.1219444e-4f;
  // Adding 1.5·2^23 rounds to an integer and leaves it in the lowest bits.
  private static final float ROUND = 12582912f;
  // Below this, e^x is nearly denormal and becomes 0.
  private static final float SMALLEST = -87f;

  // e^x ≈ 1 + x + x²·E(x) for |x| ≤ 0.347, fitted by reweighted least squares: error 3e-9.
  private static final float E0 = 0.49999994f;
  private static final float E1 = 0.1666652f;
  private static final float E2 = 0.041668396f;
  private static final float E3 = 0.008368798f;
  private static final float E4 = 0.0013814437f;

  // Φ(−a)·e^(a²/2) ≈ t·H(t) with t = 1/(1 + 0.34·a) for 0 ≤ a ≤ 13.3, fitted likewise against 40
  // digits: relative error 2.5e-8 before rounding.
  private static final float TAIL_SCALE = 0.34f;
  private static final float H0 = 0.13561887f;
  private static final float H1 = 0.13614237f;
  private static final float H2 = 0.11496763f;
  private static final float H3 = 0.11631384f;
  private static final float H4 = -0.047083784f;
  private static final float H5 = 0.20577629f;
  private static final float H6 = -0.27641293f;
  private static final float H7 = 0.14114949f;
  private static final float H8 = -0.026471762f;
  // Above this, e^(−a²/2) would be denormal.
  private static final float TAIL_END = 13.1f;
  private static final int SIGN = 1 << 31;
  private static final float DENSITY = 0.3989423f; // 1/√(2π)

  /** Squares per chain; the rounding errors of adding the chains are kept. */
  private static final int SQUARES = 8;

  private VectorMath() {}

  /**
   * Computes to ← exp(from − max) and adds the sum of the results to a vector in memory. The error
   * is within 2 units in the last place; the result is exactly 1 at the maximum and 0 more than 87
   * below it. NaN stays NaN.
   *
   * @param from address of the first vector
   * @param step bytes to the next one
   * @param count number of vectors
   * @param max address of a vector that no number exceeds
   * @param to address of the first result, which may be {@code from}
   * @param toStep bytes to the next result; 0 if only the sum is needed
   * @param sum address of a vector
   */
  static void exp(long from, long step, int count, long max, long to, long toStep, long sum) {
    FloatVector largest = FloatVector.fromMemorySegment(FLOATS, ALL, max, LE);
    FloatVector total = FloatVector.fromMemorySegment(FLOATS, ALL, sum, LE);
    FloatVector lost = FloatVector.zero(FLOATS);
    FloatVector one = FloatVector.broadcast(FLOATS, 1f);
    FloatVector minusOne = FloatVector.broadcast(FLOATS, -1f);
    for (int i = 0; i < count; i++) {
      FloatVector x = FloatVector.fromMemorySegment(FLOATS, ALL, from, LE).sub(largest);
      FloatVector rounded =
          x.fma(FloatVector.broadcast(FLOATS, LOG2_E), FloatVector.broadcast(FLOATS, ROUND));
      FloatVector n = rounded.sub(FloatVector.broadcast(FLOATS, ROUND));
      FloatVector r = n.fma(FloatVector.broadcast(FLOATS, -LN2_HIGH), x);
      r = n.fma(FloatVector.broadcast(FLOATS, -LN2_LOW), r);
      FloatVector e = FloatVector.broadcast(FLOATS, 1f / 5040);
      e = e.fma(r, FloatVector.broadcast(FLOATS, 1f / 720));
      e = e.fma(r, FloatVector.broadcast(FLOATS, 1f / 120));
      e = e.fma(r, FloatVector.broadcast(FLOATS, 1f / 24));
      e = e.fma(r, FloatVector.broadcast(FLOATS, 1f / 6));
      e = e.fma(r, FloatVector.broadcast(FLOATS, 0.5f));
      e = e.fma(r, FloatVector.broadcast(FLOATS, 1f));
      e = e.fma(r, FloatVector.broadcast(FLOATS, 1f));
      e =
          e.mul(
              rounded
                  .reinterpretAsInts()
                  .add(127)
                  .lanewise(VectorOperators.LSHL, 23)
                  .reinterpretAsFloats());
      e =
          e.blend(
              FloatVector.zero(FLOATS),
              x.compare(VectorOperators.LT, FloatVector.broadcast(FLOATS, SMALLEST)));
      e.intoMemorySegment(ALL, to, LE);
      FloatVector larger = e.add(total);
      FloatVector added = larger.sub(total);
      lost = minusOne.fma(larger.sub(added), total).add(lost).add(e.sub(added));
      total = larger;
      from += step;
      to += toStep;
    }
    one.fma(total, lost).intoMemorySegment(ALL, sum, LE);
  }

  /**
   * Computes y ← gelu(factor·x), the exact gelu z·Φ(z), with a relative error of at most 4e-7 down
   * to −13, since in models that normalise after gelu all values may be in its tail. NaN stays NaN.
   *
   * @param x address of the first vector
   * @param y address of the first result, which may be {@code x}
   * @param step bytes to the next one of either
   * @param count number of vectors
   * @param factor address of a vector
   */
  static void gelu(long x, long y, long step, int count, long factor) {
    FloatVector scale = FloatVector.fromMemorySegment(FLOATS, ALL, factor, LE);
    for (int i = 0; i < count; i++) {
      FloatVector z = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE).mul(scale);
      FloatVector a = z.abs().min(FloatVector.broadcast(FLOATS, TAIL_END));
      FloatVector one = FloatVector.broadcast(FLOATS, 1f);
      FloatVector t = one.div(a.fma(FloatVector.broadcast(FLOATS, TAIL_SCALE), one));
      FloatVector h = FloatVector.broadcast(FLOATS, H8);
      h = h.fma(t, FloatVector.broadcast(FLOATS, H7));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H6));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H5));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H4));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H3));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H2));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H1));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H0)).mul(t);
      // e^(−a²/2), corrected for the rounding of the square
      FloatVector square = a.mul(a);
      FloatVector lost = a.fma(a, square.neg());
      FloatVector w = square.mul(-0.5f);
      FloatVector rounded =
          w.fma(FloatVector.broadcast(FLOATS, LOG2_E), FloatVector.broadcast(FLOATS, ROUND));
      FloatVector n = rounded.sub(FloatVector.broadcast(FLOATS, ROUND));
      FloatVector r = n.fma(FloatVector.broadcast(FLOATS, -LN2_HIGH), w);
      r = n.fma(FloatVector.broadcast(FLOATS, -LN2_LOW), r);
      r = lost.fma(FloatVector.broadcast(FLOATS, -0.5f), r);
      FloatVector e = FloatVector.broadcast(FLOATS, E4);
      e = e.fma(r, FloatVector.broadcast(FLOATS, E3));
      e = e.fma(r, FloatVector.broadcast(FLOATS, E2));
      e = e.fma(r, FloatVector.broadcast(FLOATS, E1));
      e = e.fma(r, FloatVector.broadcast(FLOATS, E0));
      e = e.fma(r, one);
      e = e.fma(r, one);
      e =
          e.mul(
              rounded
                  .reinterpretAsInts()
                  .add(127)
                  .lanewise(VectorOperators.LSHL, 23)
                  .reinterpretAsFloats());
      // z·(1 − tail) for z above 0, and z·tail below
      FloatVector above = z.max(FloatVector.zero(FLOATS));
      z.abs().neg().fma(e.mul(h), above).intoMemorySegment(ALL, y, LE);
      x += step;
      y += step;
    }
  }

  /**
   * Computes the backward pass of y = gelu(u), u = factor·x: recomputes y, replaces its gradient d
   * with that of u, and adds the products u·d to a vector in memory. gelu'(u) = Φ(u) +
   * u·e^(−u²/2)/√(2π).
   *
   * @param x address of the first vector
   * @param d address of the first gradient
   * @param y address of the first result
   * @param step bytes to the next one of each
   * @param count number of vectors
   * @param factor address of a vector
   * @param products address of a vector
   */
  static void geluBackward(
      long x, long d, long y, long step, int count, long factor, long products) {
    FloatVector scale = FloatVector.fromMemorySegment(FLOATS, ALL, factor, LE);
    FloatVector total = FloatVector.fromMemorySegment(FLOATS, ALL, products, LE);
    for (int i = 0; i < count; i++) {
      FloatVector z = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE).mul(scale);
      FloatVector a = z.abs().min(FloatVector.broadcast(FLOATS, TAIL_END));
      FloatVector one = FloatVector.broadcast(FLOATS, 1f);
      FloatVector t = one.div(a.fma(FloatVector.broadcast(FLOATS, TAIL_SCALE), one));
      FloatVector h = FloatVector.broadcast(FLOATS, H8);
      h = h.fma(t, FloatVector.broadcast(FLOATS, H7));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H6));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H5));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H4));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H3));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H2));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H1));
      h = h.fma(t, FloatVector.broadcast(FLOATS, H0)).mul(t);
      // e^(−a²/2), corrected for the rounding of the square
      FloatVector square = a.mul(a);
      FloatVector lost = a.fma(a, square.neg());
      FloatVector w = square.mul(-0.5f);
      FloatVector rounded =
          w.fma(FloatVector.broadcast(FLOATS, LOG2_E), FloatVector.broadcast(FLOATS, ROUND));
      FloatVector n = rounded.sub(FloatVector.broadcast(FLOATS, ROUND));
      FloatVector r = n.fma(FloatVector.broadcast(FLOATS, -LN2_HIGH), w);
      r = n.fma(FloatVector.broadcast(FLOATS, -LN2_LOW), r);
      r = lost.fma(FloatVector.broadcast(FLOATS, -0.5f), r);
      FloatVector e = FloatVector.broadcast(FLOATS, E4);
      e = e.fma(r, FloatVector.broadcast(FLOATS, E3));
      e = e.fma(r, FloatVector.broadcast(FLOATS, E2));
      e = e.fma(r, FloatVector.broadcast(FLOATS, E1));
      e = e.fma(r, FloatVector.broadcast(FLOATS, E0));
      e = e.fma(r, one);
      e = e.fma(r, one);
      e =
          e.mul(
              rounded
                  .reinterpretAsInts()
                  .add(127)
                  .lanewise(VectorOperators.LSHL, 23)
                  .reinterpretAsFloats());
      FloatVector tail = e.mul(h);
      FloatVector above = z.max(FloatVector.zero(FLOATS));
      z.abs().neg().fma(tail, above).intoMemorySegment(ALL, y, LE);
      // Φ is 1 − tail above 0 and tail below; ½ with z's sign selects. C2 boxed a mask here.
      FloatVector half =
          z.reinterpretAsInts().and(SIGN).or(Float.floatToRawIntBits(0.5f)).reinterpretAsFloats();
      FloatVector phi = half.mul(-2f).fma(tail, half.add(0.5f));
      FloatVector slope = z.mul(e).fma(FloatVector.broadcast(FLOATS, DENSITY), phi);
      FloatVector g = FloatVector.fromMemorySegment(FLOATS, ALL, d, LE).mul(slope);
      g.intoMemorySegment(ALL, d, LE);
      total = z.fma(g, total);
      x += step;
      d += step;
      y += step;
    }
    total.intoMemorySegment(ALL, products, LE);
  }

  /** Adds the products of x and y to a vector in memory. */
  static void products(long x, long y, long step, int count, long sum) {
    FloatVector total = FloatVector.fromMemorySegment(FLOATS, ALL, sum, LE);
    for (int i = 0; i < count; i++) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
      total = v.fma(FloatVector.fromMemorySegment(FLOATS, ALL, y, LE), total);
      x += step;
      y += step;
    }
    total.intoMemorySegment(ALL, sum, LE);
  }

  /** Computes d ← a·d − b·x, with two vectors a and b for all. */
  static void difference(long d, long x, long step, int count, long a, long b) {
    FloatVector f = FloatVector.fromMemorySegment(FLOATS, ALL, a, LE);
    FloatVector minus = FloatVector.fromMemorySegment(FLOATS, ALL, b, LE).neg();
    for (int i = 0; i < count; i++) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE).mul(minus);
      FloatVector g = FloatVector.fromMemorySegment(FLOATS, ALL, d, LE);
      g.fma(f, v).intoMemorySegment(ALL, d, LE);
      x += step;
      d += step;
    }
  }

  /** Computes d ← p·(d − mean), the gradient of softmax, with one mean vector for all. */
  static void softmaxBackward(long d, long p, long step, int count, long mean) {
    FloatVector m = FloatVector.fromMemorySegment(FLOATS, ALL, mean, LE);
    for (int i = 0; i < count; i++) {
      FloatVector g = FloatVector.fromMemorySegment(FLOATS, ALL, d, LE).sub(m);
      g.mul(FloatVector.fromMemorySegment(FLOATS, ALL, p, LE)).intoMemorySegment(ALL, d, LE);
      d += step;
      p += step;
    }
  }

  /**
   * Computes x ← x·scale, or 0 for numbers that {@link Dropout} drops.
   *
   * @param x address of the first vector
   * @param rowHashes address of a vector of hashes, one for each lane's row
   * @param first parameter-token index of the first vector
   */
  static void dropout(
      long x, long step, int first, int count, long rowHashes, int threshold, float scale) {
    IntVector rows = IntVector.fromMemorySegment(INTS, ALL, rowHashes, LE);
    for (int i = 0; i < count; i++) {
      IntVector h = rows.add((first + i) * Dropout.STEP);
      h = h.lanewise(VectorOperators.XOR, h.lanewise(VectorOperators.LSHR, 16));
      h = h.mul(Dropout.FACTOR_1);
      h = h.lanewise(VectorOperators.XOR, h.lanewise(VectorOperators.LSHR, 15));
      h = h.mul(Dropout.FACTOR_2);
      h = h.lanewise(VectorOperators.XOR, h.lanewise(VectorOperators.LSHR, 16));
      h = h.lanewise(VectorOperators.LSHR, Integer.SIZE - Dropout.BITS);
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE).mul(scale);
      v.blend(FloatVector.zero(FLOATS), h.compare(VectorOperators.LT, threshold).cast(FLOATS))
          .intoMemorySegment(ALL, x, LE);
      x += step;
    }
  }

  /** Computes y ← factor·x for {@code count} vectors; y may be x. */
  static void scale(long x, long y, long step, int count, long factor) {
    FloatVector scale = FloatVector.fromMemorySegment(FLOATS, ALL, factor, LE);
    for (int i = 0; i < count; i++) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
      v.mul(scale).intoMemorySegment(ALL, y, LE);
      x += step;
      y += step;
    }
  }

  /**
   * Writes the sum of the squares of {@code count} vectors to {@code sum}. The chains have eight
   * squares, and their sums are added with error compensation; zeros appended by growth change no
   * bit.
   */
  static void squares(long x, long step, int count, long sum) {
    FloatVector total = FloatVector.zero(FLOATS);
    FloatVector lost = total;
    for (int i = 0; i < count; i += SQUARES) {
      FloatVector chain = FloatVector.zero(FLOATS);
      int end = Math.min(count - i, SQUARES);
      for (int j = 0; j < end; j++) {
        FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
        chain = v.fma(v, chain);
        x += step;
      }
      FloatVector one = FloatVector.broadcast(FLOATS, 1f);
      FloatVector minusOne = FloatVector.broadcast(FLOATS, -1f);
      FloatVector larger = one.fma(chain, total);
      FloatVector added = larger.sub(total);
      FloatVector rest = minusOne.fma(added, chain);
      lost = minusOne.fma(larger.sub(added), total).add(rest).add(lost);
      total = larger;
    }
    FloatVector.broadcast(FLOATS, 1f).fma(total, lost).intoMemorySegment(ALL, sum, LE);
  }

  /**
   * Computes the maximum of {@code max} and {@code count} vectors, lane by lane. NaN wins.
   *
   * <p>The running maximum is carried from iteration to iteration in memory: for a variable, C2
   * sometimes checked its class in every iteration and so made it an object for the lifetime of the
   * process.
   */
  static void max(long x, long step, int count, long max) {
    int i = 0;
    for (; i <= count - 4; i += 4) {
      FloatVector a = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
      FloatVector b = FloatVector.fromMemorySegment(FLOATS, ALL, x + step, LE);
      FloatVector c = FloatVector.fromMemorySegment(FLOATS, ALL, x + 2 * step, LE);
      FloatVector d = FloatVector.fromMemorySegment(FLOATS, ALL, x + 3 * step, LE);
      a.max(b)
          .max(c.max(d))
          .max(FloatVector.fromMemorySegment(FLOATS, ALL, max, LE))
          .intoMemorySegment(ALL, max, LE);
      x += 4 * step;
    }
    for (; i < count; i++) {
      FloatVector.fromMemorySegment(FLOATS, ALL, x, LE)
          .max(FloatVector.fromMemorySegment(FLOATS, ALL, max, LE))
          .intoMemorySegment(ALL, max, LE);
      x += step;
    }
  }
}
