package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.ALL;
import static org.tokenformer.engine.backend.vector.Simd.INTS;
import static org.tokenformer.engine.backend.vector.Simd.LANES;
import static org.tokenformer.engine.backend.vector.Simd.LE;
import static org.tokenformer.engine.backend.vector.Simd.VECTOR_BYTES;

import jdk.incubator.vector.IntVector;

/**
 * Interleaves six rows of floats into a tile, (k, 6), by permuting registers. Rows are zipped into
 * rows of pairs, and the three rows of pairs are interleaved: the lower half of a vector of steps
 * fills three vectors of the tile, and the upper half three more with the same permutations. Floats
 * are moved as ints, since C2's permutations take int indices.
 *
 * <p>This takes a fifth of the time of an element-by-element copy at 512 bits, and half of it on
 * machines without AVX-512.
 */
final class Interleave {
  private static final IntVector ZIP_LOW = zip(0);
  private static final IntVector ZIP_HIGH = zip(LANES / 2);
  private static final IntVector FOUR_0 = fourRows(0);
  private static final IntVector FOUR_1 = fourRows(1);
  private static final IntVector FOUR_2 = fourRows(2);
  private static final IntVector SIX_0 = sixRows(0);
  private static final IntVector SIX_1 = sixRows(1);
  private static final IntVector SIX_2 = sixRows(2);

  private Interleave() {}

  /**
   * Indices that zip two rows into pairs, starting at step {@code first}; indices of the second row
   * start at LANES.
   */
  private static IntVector zip(int first) {
    int[] indices = new int[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      indices[lane] = first + lane / 2 + lane % 2 * LANES;
    }
    return IntVector.fromArray(INTS, indices, 0);
  }

  /** Indices that place the first two rows of pairs in one of the three vectors. */
  private static IntVector fourRows(int vector) {
    int[] indices = new int[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      int at = vector * LANES + lane;
      int pair = at / Tile.ROWS * 2 + at % 2;
      indices[lane] = at % Tile.ROWS < 2 ? pair : at % Tile.ROWS < 4 ? LANES + pair : 0;
    }
    return IntVector.fromArray(INTS, indices, 0);
  }

  /** Indices that keep those lanes and insert the third row of pairs between them. */
  private static IntVector sixRows(int vector) {
    int[] indices = new int[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      int at = vector * LANES + lane;
      int pair = at / Tile.ROWS * 2 + at % 2;
      indices[lane] = at % Tile.ROWS < 4 ? lane : LANES + pair;
    }
    return IntVector.fromArray(INTS, indices, 0);
  }

  /**
   * Interleaves whole vectors of steps. The address steps are parameters for the reason given in
   * {@link Tile}.
   *
   * @param a address of the first row
   * @param stride bytes from one row to the next
   * @param vectors vectors per row
   * @param step bytes per vector
   * @param to the tile
   * @param toStep bytes of the tile per vector of steps
   */
  static void sixRows(long a, long stride, int vectors, long step, long to, long toStep) {
    for (int i = 0; i < vectors; i++) {
      IntVector r0 = IntVector.fromMemorySegment(INTS, ALL, a, LE);
      IntVector r1 = IntVector.fromMemorySegment(INTS, ALL, a + stride, LE);
      IntVector r2 = IntVector.fromMemorySegment(INTS, ALL, a + 2 * stride, LE);
      IntVector r3 = IntVector.fromMemorySegment(INTS, ALL, a + 3 * stride, LE);
      IntVector r4 = IntVector.fromMemorySegment(INTS, ALL, a + 4 * stride, LE);
      IntVector r5 = IntVector.fromMemorySegment(INTS, ALL, a + 5 * stride, LE);
      IntVector p = ZIP_LOW.selectFrom(r0, r1);
      IntVector q = ZIP_LOW.selectFrom(r2, r3);
      IntVector r = ZIP_LOW.selectFrom(r4, r5);
      SIX_0.selectFrom(FOUR_0.selectFrom(p, q), r).intoMemorySegment(ALL, to, LE);
      SIX_1.selectFrom(FOUR_1.selectFrom(p, q), r).intoMemorySegment(ALL, to + VECTOR_BYTES, LE);
      SIX_2
          .selectFrom(FOUR_2.selectFrom(p, q), r)
          .intoMemorySegment(ALL, to + 2 * VECTOR_BYTES, LE);
      p = ZIP_HIGH.selectFrom(r0, r1);
      q = ZIP_HIGH.selectFrom(r2, r3);
      r = ZIP_HIGH.selectFrom(r4, r5);
      SIX_0
          .selectFrom(FOUR_0.selectFrom(p, q), r)
          .intoMemorySegment(ALL, to + 3 * VECTOR_BYTES, LE);
      SIX_1
          .selectFrom(FOUR_1.selectFrom(p, q), r)
          .intoMemorySegment(ALL, to + 4 * VECTOR_BYTES, LE);
      SIX_2
          .selectFrom(FOUR_2.selectFrom(p, q), r)
          .intoMemorySegment(ALL, to + 5 * VECTOR_BYTES, LE);
      a += step;
      to += toStep;
    }
  }
}
