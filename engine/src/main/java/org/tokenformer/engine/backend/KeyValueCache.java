package org.tokenformer.engine.backend;

import java.util.Arrays;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The keys and values of one sequence's past: a table of pages of a {@link CachePool}, in the order
 * of the positions. How much of it is filled is the session's to know: {@link Sequence#start()}.
 *
 * <p>Caches that were forked share pages until one of them writes, which copies the page before.
 * Used by one thread at a time; forks on different threads do not disturb each other.
 */
public final class KeyValueCache implements AutoCloseable {
  private final CachePool pool;
  private int[] pages = new int[4];
  private int count;

  /** Without any page. */
  public KeyValueCache(CachePool pool) {
    this.pool = pool;
  }

  /** Where its pages come from. */
  public CachePool pool() {
    return pool;
  }

  /** Element type. */
  public DType dtype() {
    return pool.dtype();
  }

  /** Positions that fit into its pages. */
  public int capacity() {
    return count * CachePool.PAGE;
  }

  /** Pages that it holds, shared ones included. */
  public int pages() {
    return count;
  }

  /**
   * Keys of a layer, (PAGE, C).
   *
   * @param page of those that it holds: the one of position p is p / {@link CachePool#PAGE}
   */
  public Tensor keys(int page, int layer) {
    return pool.keys(pages[page], layer);
  }

  /** Values of a layer, (PAGE, C), as {@link #keys}. */
  public Tensor values(int page, int layer) {
    return pool.values(pages[page], layer);
  }

  /** All layers of a page. */
  Tensor whole(int page) {
    return pool.whole(pages[page]);
  }

  /**
   * Makes room for some positions and their pages its own, so that they may be written.
   *
   * @param start at most {@link #capacity}
   * @throws CacheFullException if the pool's limit is reached
   */
  public void reserve(int start, int rows) {
    int first = start / CachePool.PAGE;
    int end = CachePool.pages(start + rows);
    for (int page = first; page < Math.min(end, count); page++) {
      if (pool.isShared(pages[page])) {
        pages[page] = pool.copy(pages[page]);
      }
    }
    if (end > pages.length) {
      pages = Arrays.copyOf(pages, Math.max(end, 2 * pages.length));
    }
    while (count < end) {
      pages[count] = pool.take();
      count++;
    }
  }

  /** Whether the pages of some positions are there and its own. */
  boolean isReserved(int start, int rows) {
    if (start + rows > capacity()) {
      return false;
    }
    for (int page = start / CachePool.PAGE; page < CachePool.pages(start + rows); page++) {
      if (pool.isShared(pages[page])) {
        return false;
      }
    }
    return true;
  }

  /** Gives back the pages beyond so many positions. */
  public void truncate(int length) {
    while (count > CachePool.pages(length)) {
      count--;
      pool.release(pages[count]);
    }
  }

  /** A cache with the same first positions, whose pages it shares. */
  public KeyValueCache fork(int length) {
    KeyValueCache fork = new KeyValueCache(pool);
    fork.count = CachePool.pages(length);
    fork.pages = Arrays.copyOf(pages, Math.max(fork.count, 1));
    for (int page = 0; page < fork.count; page++) {
      pool.share(pages[page]);
    }
    return fork;
  }

  /** Gives back all pages. */
  @Override
  public void close() {
    truncate(0);
  }
}
