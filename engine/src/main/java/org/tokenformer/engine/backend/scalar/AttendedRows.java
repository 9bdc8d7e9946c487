package org.tokenformer.engine.backend.scalar;

import org.tokenformer.engine.backend.CachePool;
import org.tokenformer.engine.backend.KeyValueCache;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The keys or values that the rows of a sequence attend to: those in its cache, if it has one, and
 * its own.
 *
 * @param batch the rows of all sequences
 * @param first index of this sequence's first row
 */
record AttendedRows(Tensor batch, int first, Sequence sequence, Pages pages) {
  /** Selects the keys or the values of one layer in a page. */
  interface Pages {
    Tensor of(KeyValueCache cache, int page);
  }

  /** Writes the sequence's own rows into its cache, if it has one. */
  void append() {
    KeyValueCache cache = sequence.cache();
    for (int i = 0; cache != null && i < sequence.rows(); i++) {
      double[] row = Matrix.of(batch).row(first + i);
      int position = sequence.start() + i;
      Matrix page = page(cache, position);
      for (int c = 0; c < row.length; c++) {
        page.set(position % CachePool.PAGE, c, row[c]);
      }
    }
  }

  /** Returns one head of every row, from position 0 to the sequence's last. */
  double[][] head(int firstChannel, int channels) {
    KeyValueCache cache = sequence.cache();
    if (cache == null) {
      return Matrix.of(batch).block(first, sequence.rows(), firstChannel, channels);
    }
    double[][] seen = new double[sequence.start() + sequence.rows()][];
    for (int p = 0; p < seen.length; p++) {
      seen[p] = page(cache, p).block(p % CachePool.PAGE, 1, firstChannel, channels)[0];
    }
    return seen;
  }

  private Matrix page(KeyValueCache cache, int position) {
    return Matrix.of(pages.of(cache, position / CachePool.PAGE));
  }
}
