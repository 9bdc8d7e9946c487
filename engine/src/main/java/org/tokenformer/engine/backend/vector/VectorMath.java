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
 * Loops over vectors of exp and gelu, in multiplications and additions only: the same bits on every
 * machine.
 *
 * <p>They are loops, not functions of a vector, and the polynomials stand in them written out: C2
 * has a budget for inlining, and where it runs out in the middle of a large caller, a vector that
 * is passed to a method is boxed, once per number.
 *
 * <p>Sums keep what each addition loses (Knuth's two-sum; Ogita, Rump and Oishi's dot product) and
 * add it at the end. An error of a sum scales a whole row, so it does not average out as those of
 * single numbers do: without this it was most of a model's error.
 */
final class VectorMath {
  private static final float LOG2_E = 1.442695f;
  // ln 2 in two parts; the first has so few bits that its product with a small integer is exact.
  private static final float LN2_HIGH = 0.6933594f;
  private static final float LN2_LOW = -2.1219444e-4f;
  // Adding 1.5·2^23 rounds to an integer and leaves it in the lowest bits.
  private static final float ROUND = 12582912f;
  // e^x for x below is nearly denormal: 0.
  private static final float SMALLEST = -87f;

  // erf(u) ≈ u·P(u²)/Q(u²) for |u| ≤ 3.92, fitted by reweighted least squares against erf in
  // 50 digits: off by 1.6e-8 before rounding, by 3e-7 relative in float arithmetic.
  private static final float ERF_LIMIT = 3.92f;
  private static final float P0 = 1.128379f;
  private static final float P1 = 0.19276305f;
  private static final float P2 = 0.053060345f;
  private static final float P3 = 0.0038682816f;
  private static final float P4 = 0.00028747795f;
  private static final float P5 = 0.0000020347384f;
  private static final float Q1 = 0.50416344f;
  private static final float Q2 = 0.1150842f;
  private static final float Q3 = 0.015172207f;
  private static final float Q4 = 0.0011881031f;
  private static final float Q5 = 0.000038070597f;
  private static final float SQRT_HALF = 0.70710677f;

  // √2/√(2π): what u·exp(−u²) is multiplied by in gelu'.
  private static final float SQRT_2_DENSITY = 0.56418955f;

  private VectorMath() {}

  /**
   * to ← exp(from − max), and the sum of it all is added to a vector in memory. Within 2 units in
   * the last place; exactly 1 at the maximum and 0 from 87 below it on. NaN stays NaN.
   *
   * @param from address of the first vector
   * @param step bytes to the next one
   * @param count vectors
   * @param max address of a vector, nowhere less than the numbers
   * @param to address of the first result, which may be {@code from}
   * @param toStep bytes to the next result; 0 where only the sum is wanted
   * @param sum address of a vector
   */
  static void exp(long from, long step, int count, long max, long to, long toStep, long sum) {
    FloatVector largest = FloatVector.fromMemorySegment(FLOATS, ALL, max, LE);
    FloatVector total = FloatVector.fromMemorySegment(FLOATS, ALL, sum, LE);
    FloatVector lost = FloatVector.zero(FLOATS);
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
      FloatVector larger = total.add(e);
      FloatVector added = larger.sub(total);
      lost = lost.add(total.sub(larger.sub(added))).add(e.sub(added));
      total = larger;
      from += step;
      to += toStep;
    }
    total.add(lost).intoMemorySegment(ALL, sum, LE);
  }

  /**
   * y ← gelu(factor·x), the exact one: z·½(1 + erf(z/√2)), with erf within 3e-7 relative and never
   * beyond ±1. NaN stays NaN. The squares of the results are added to a vector in memory.
   *
   * @param x address of the first vector
   * @param y address of the first result, which may be {@code x}
   * @param step bytes to the next one of either
   * @param count vectors
   * @param factor address of a vector
   * @param squares address of a vector
   */
  static void gelu(long x, long y, long step, int count, long factor, long squares) {
    FloatVector scale = FloatVector.fromMemorySegment(FLOATS, ALL, factor, LE);
    FloatVector total = FloatVector.fromMemorySegment(FLOATS, ALL, squares, LE);
    FloatVector lost = FloatVector.zero(FLOATS);
    for (int i = 0; i < count; i++) {
      FloatVector z = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE).mul(scale);
      FloatVector u =
          z.mul(FloatVector.broadcast(FLOATS, SQRT_HALF))
              .min(FloatVector.broadcast(FLOATS, ERF_LIMIT))
              .max(FloatVector.broadcast(FLOATS, -ERF_LIMIT));
      FloatVector s = u.mul(u);
      FloatVector p = FloatVector.broadcast(FLOATS, P5);
      FloatVector q = FloatVector.broadcast(FLOATS, Q5);
      p = p.fma(s, FloatVector.broadcast(FLOATS, P4));
      q = q.fma(s, FloatVector.broadcast(FLOATS, Q4));
      p = p.fma(s, FloatVector.broadcast(FLOATS, P3));
      q = q.fma(s, FloatVector.broadcast(FLOATS, Q3));
      p = p.fma(s, FloatVector.broadcast(FLOATS, P2));
      q = q.fma(s, FloatVector.broadcast(FLOATS, Q2));
      p = p.fma(s, FloatVector.broadcast(FLOATS, P1));
      q = q.fma(s, FloatVector.broadcast(FLOATS, Q1));
      p = p.fma(s, FloatVector.broadcast(FLOATS, P0));
      q = q.fma(s, FloatVector.broadcast(FLOATS, 1f));
      FloatVector erf =
          u.mul(p)
              .div(q)
              .min(FloatVector.broadcast(FLOATS, 1f))
              .max(FloatVector.broadcast(FLOATS, -1f));
      FloatVector half = z.mul(FloatVector.broadcast(FLOATS, 0.5f));
      FloatVector g = erf.fma(half, half);
      g.intoMemorySegment(ALL, y, LE);
      FloatVector square = g.mul(g);
      FloatVector larger = total.add(square);
      FloatVector added = larger.sub(total);
      lost = g.fma(g, square.neg()).add(lost);
      lost = lost.add(total.sub(larger.sub(added))).add(square.sub(added));
      total = larger;
      x += step;
      y += step;
    }
    total.add(lost).intoMemorySegment(ALL, squares, LE);
  }

  /**
   * Backward through y = gelu(u), u = factor·x: y is computed anew, its gradient d becomes that of
   * u, and the products u·d are added to a vector in memory. gelu'(u) = ½(1 + erf(u/√2)) +
   * u·exp(−u²/2)/√(2π).
   *
   * @param x address of the first vector
   * @param d address of the first gradient
   * @param y address of the first result
   * @param step bytes to the next one of each
   * @param count vectors
   * @param factor address of a vector
   * @param products address of a vector
   */
  static void geluBackward(
      long x, long d, long y, long step, int count, long factor, long products) {
    FloatVector scale = FloatVector.fromMemorySegment(FLOATS, ALL, factor, LE);
    FloatVector total = FloatVector.fromMemorySegment(FLOATS, ALL, products, LE);
    for (int i = 0; i < count; i++) {
      FloatVector z = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE).mul(scale);
      FloatVector u =
          z.mul(FloatVector.broadcast(FLOATS, SQRT_HALF))
              .min(FloatVector.broadcast(FLOATS, ERF_LIMIT))
              .max(FloatVector.broadcast(FLOATS, -ERF_LIMIT));
      FloatVector s = u.mul(u);
      FloatVector p = FloatVector.broadcast(FLOATS, P5);
      FloatVector q = FloatVector.broadcast(FLOATS, Q5);
      p = p.fma(s, FloatVector.broadcast(FLOATS, P4));
      q = q.fma(s, FloatVector.broadcast(FLOATS, Q4));
      p = p.fma(s, FloatVector.broadcast(FLOATS, P3));
      q = q.fma(s, FloatVector.broadcast(FLOATS, Q3));
      p = p.fma(s, FloatVector.broadcast(FLOATS, P2));
      q = q.fma(s, FloatVector.broadcast(FLOATS, Q2));
      p = p.fma(s, FloatVector.broadcast(FLOATS, P1));
      q = q.fma(s, FloatVector.broadcast(FLOATS, Q1));
      p = p.fma(s, FloatVector.broadcast(FLOATS, P0));
      q = q.fma(s, FloatVector.broadcast(FLOATS, 1f));
      FloatVector erf =
          u.mul(p)
              .div(q)
              .min(FloatVector.broadcast(FLOATS, 1f))
              .max(FloatVector.broadcast(FLOATS, -1f));
      FloatVector phi =
          erf.fma(FloatVector.broadcast(FLOATS, 0.5f), FloatVector.broadcast(FLOATS, 0.5f));
      z.mul(phi).intoMemorySegment(ALL, y, LE);
      // exp(−z²/2), as in exp; where u is clamped it is below e^−15, and z times that below 1e-5.
      FloatVector w = s.neg();
      FloatVector rounded =
          w.fma(FloatVector.broadcast(FLOATS, LOG2_E), FloatVector.broadcast(FLOATS, ROUND));
      FloatVector n = rounded.sub(FloatVector.broadcast(FLOATS, ROUND));
      FloatVector r = n.fma(FloatVector.broadcast(FLOATS, -LN2_HIGH), w);
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
      // u·√2 is z where z is not clamped, and bounded where it is.
      FloatVector slope = e.mul(u).fma(FloatVector.broadcast(FLOATS, SQRT_2_DENSITY), phi);
      FloatVector g = FloatVector.fromMemorySegment(FLOATS, ALL, d, LE).mul(slope);
      g.intoMemorySegment(ALL, d, LE);
      total = z.fma(g, total);
      x += step;
      d += step;
      y += step;
    }
    total.intoMemorySegment(ALL, products, LE);
  }

  /** The products of x and y are added to a vector in memory. */
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

  /** d ← a·d − b·x, with two vectors a and b for all. */
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

  /** d ← p·(d − mean): softmax's gradient, with one mean vector for all. */
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
   * x ← x·scale, or 0 where {@link Dropout} leaves it out.
   *
   * @param x address of the first vector
   * @param rowHashes address of a vector of hashes, one for each lane's row
   * @param first index n of the first vector's parameter token
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

  /** y ← factor·x, for count vectors; y may be x. */
  static void scale(long x, long y, long step, int count, long factor) {
    FloatVector scale = FloatVector.fromMemorySegment(FLOATS, ALL, factor, LE);
    for (int i = 0; i < count; i++) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
      v.mul(scale).intoMemorySegment(ALL, y, LE);
      x += step;
      y += step;
    }
  }

  /** The sum of the squares of count vectors, written to {@code sum}. */
  static void squares(long x, long step, int count, long sum) {
    FloatVector total = FloatVector.zero(FLOATS);
    FloatVector lost = total;
    for (int i = 0; i < count; i++) {
      FloatVector v = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE);
      FloatVector square = v.mul(v);
      FloatVector larger = total.add(square);
      FloatVector added = larger.sub(total);
      lost = v.fma(v, square.neg()).add(lost);
      lost = lost.add(total.sub(larger.sub(added))).add(square.sub(added));
      total = larger;
      x += step;
    }
    total.add(lost).intoMemorySegment(ALL, sum, LE);
  }

  /** max ← the largest of what is in {@code max} and of count vectors. NaN wins. */
  static void max(long x, long step, int count, long max) {
    FloatVector largest = FloatVector.fromMemorySegment(FLOATS, ALL, max, LE);
    for (int i = 0; i < count; i++) {
      // In this order: C2 knows the class of what it just loaded, and may have to guess the
      // other's.
      largest = FloatVector.fromMemorySegment(FLOATS, ALL, x, LE).max(largest);
      x += step;
    }
    largest.intoMemorySegment(ALL, max, LE);
  }
}
