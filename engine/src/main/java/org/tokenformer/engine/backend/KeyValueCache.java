package org.tokenformer.engine.backend;

import java.util.Arrays;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The keys and values of one sequence's earlier positions: a list of pages of a {@link CachePool},
 * in the order of the positions. The session keeps track of how many positions are filled: {@link
 * Sequence#start()}.
 *
 * <p>Forked caches share pages until one of them reserves a page for writing, which copies it
 * first. A cache may be used by one thread at a time; forks may be used on different threads.
 */
public final class KeyValueCache implements AutoCloseable {
  private final CachePool pool;
  private int[] pages = new int[4];
  private int count;

  /** Creates a cache without pages. */
  public KeyValueCache(CachePool pool) {
    this.pool = pool;
  }

  /** Returns the pool of its pages. */
  public CachePool pool() {
    return pool;
  }

  /** Returns the element type. */
  public DType dtype() {
    return pool.dtype();
  }

  /** Returns the number of positions that fit into its pages. */
  public int capacity() {
    return count * CachePool.PAGE;
  }

  /** Returns the number of pages that it holds, including shared ones. */
  public int pages() {
    return count;
  }

  /**
   * Returns the keys of a layer in a page, (PAGE, C).
   *
   * @param page index among the cache's pages; position p is in page p / {@link CachePool#PAGE}
   */
  public Tensor keys(int page, int layer) {
    return pool.keys(pages[page], layer);
  }

  /** Returns the values of a layer in a page, like {@link #keys}. */
  public Tensor values(int page, int layer) {
    return pool.values(pages[page], layer);
  }

  /** Returns all layers of a page. */
  Tensor whole(int page) {
    return pool.whole(pages[page]);
  }

  /**
   * Ensures that there are unshared pages for some positions, so that they may be written.
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

  /** Returns whether there are unshared pages for some positions. */
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

  /** Releases the pages beyond this many positions. */
  public void truncate(int length) {
    while (count > CachePool.pages(length)) {
      count--;
      pool.release(pages[count]);
    }
  }

  /** Returns a cache that shares the pages of the first {@code length} positions. */
  public KeyValueCache fork(int length) {
    KeyValueCache fork = new KeyValueCache(pool);
    fork.count = CachePool.pages(length);
    fork.pages = Arrays.copyOf(pages, Math.max(fork.count, 1));
    for (int page = 0; page < fork.count; page++) {
      pool.share(pages[page]);
    }
    return fork;
  }

  /** Releases all pages. */
  @Override
  public void close() {
    truncate(0);
  }
}
