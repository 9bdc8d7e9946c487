package org.tokenformer.engine.backend;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The memory of the {@link KeyValueCache}s of one model, in pages of {@value #PAGE} positions
 * across all layers, as in vLLM (arXiv 2309.06180): a conversation uses only the memory for its
 * positions, and conversations with a common prefix share its pages.
 *
 * <p>Pages are identified by index. A page may be held by several caches, but may be written only
 * if one cache holds it. Pages that no cache holds are kept for reuse, at most {@value #SPARE} more
 * than are held; the rest are freed.
 *
 * <p>Thread-safe.
 */
public final class CachePool implements AutoCloseable {
  /**
   * Positions per page. Small, since a conversation's last page is half empty on average. It
   * divides the attention kernels' block of keys, and page boundaries split no tile of rows.
   */
  public static final int PAGE = 48;

  private static final int SPARE = 32;

  /** The keys and values of a page: (PAGE, C) for each layer, views of one tensor. */
  private record Page(MemoryScope scope, Tensor whole, List<Tensor> keys, List<Tensor> values) {}

  private final Backend backend;
  private final int layers;
  private final int channels;
  private final DType dtype;
  private final long pageBytes;
  private volatile @Nullable Page[] pages = new Page[16]; // by index; replaced when it grows
  private int[] holders = new int[16]; // number of caches, by page
  private final BitSet present = new BitSet(); // allocated pages
  private final BitSet unheld = new BitSet(); // allocated pages that no cache holds
  private int held;
  private long limit = Long.MAX_VALUE;
  private boolean closed;

  /**
   * Creates an empty pool.
   *
   * @param layers number of layers of the model
   * @param channels C of keys and of values
   * @param dtype F32 or BF16
   */
  public CachePool(Backend backend, int layers, int channels, DType dtype) {
    if (dtype != DType.F32 && dtype != DType.BF16) {
      throw new IllegalArgumentException("dtype must be F32 or BF16, not " + dtype);
    }
    this.backend = backend;
    this.layers = layers;
    this.channels = channels;
    this.dtype = dtype;
    pageBytes = shape().bytes(dtype);
  }

  /** Returns the shape of a page: keys of the first layer, its values, keys of the second, … */
  private Shape shape() {
    return Shape.of(2L * layers * PAGE, channels);
  }

  /** Returns the number of pages that this many positions occupy. */
  public static int pages(int positions) {
    return Math.ceilDiv(positions, PAGE);
  }

  /** Returns the number of layers of the model. */
  public int layers() {
    return layers;
  }

  /** Returns C of keys and of values. */
  public int channels() {
    return channels;
  }

  /** Returns the element type. */
  public DType dtype() {
    return dtype;
  }

  /** Returns the size of a page in bytes. */
  public long pageBytes() {
    return pageBytes;
  }

  /** Returns the number of pages held by caches. */
  public synchronized int held() {
    return held;
  }

  /** Sets the maximum total size of held pages, in bytes; pages already held are kept. */
  public synchronized void limit(long bytes) {
    limit = bytes;
  }

  /** Returns whether the pool is closed. */
  synchronized boolean isClosed() {
    return closed;
  }

  /** Returns all layers of a page. */
  Tensor whole(int page) {
    return page(page).whole;
  }

  /** Returns the keys of a page for a layer, (PAGE, C). */
  Tensor keys(int page, int layer) {
    return page(page).keys.get(layer);
  }

  /** Returns the values of a page for a layer, (PAGE, C). */
  Tensor values(int page, int layer) {
    return page(page).values.get(layer);
  }

  private Page page(int index) {
    Page page = pages[index];
    if (page == null) {
      throw new IllegalStateException("the cache's memory was freed");
    }
    return page;
  }

  /**
   * Takes a page that no cache holds; its contents are undefined.
   *
   * @throws CacheFullException if the limit is reached
   * @throws OutOfMemoryError if the machine does not have the memory
   */
  synchronized int take() {
    if (closed) {
      throw new IllegalStateException("the cache's memory was freed");
    }
    if (held >= limit / pageBytes) {
      throw new CacheFullException(held, pageBytes, limit);
    }
    int index = unheld.nextSetBit(0);
    if (index < 0) {
      index = present.nextClearBit(0);
      if (index == pages.length) {
        grow();
      }
      pages[index] = allocate();
      present.set(index);
    }
    unheld.clear(index);
    holders[index] = 1;
    held++;
    return index;
  }

  private void grow() {
    holders = Arrays.copyOf(holders, 2 * holders.length);
    pages = Arrays.copyOf(pages, holders.length);
  }

  private Page allocate() {
    MemoryScope scope = backend.openScope();
    try {
      Tensor whole = scope.allocate(dtype, shape());
      List<Tensor> keys = new ArrayList<>();
      List<Tensor> values = new ArrayList<>();
      for (int layer = 0; layer < layers; layer++) {
        keys.add(whole.rows(2L * layer * PAGE, PAGE));
        values.add(whole.rows((2L * layer + 1) * PAGE, PAGE));
      }
      return new Page(scope, whole, keys, values);
    } catch (RuntimeException | Error e) {
      scope.close();
      throw e;
    }
  }

  /** Registers another cache as a holder of a page. */
  synchronized void share(int page) {
    holders[page]++;
  }

  /** Returns whether more than one cache holds a page. */
  synchronized boolean isShared(int page) {
    return holders[page] > 1;
  }

  /** Copies a page for one of its holders, releases the original and returns the copy. */
  int copy(int page) {
    int copy = take();
    try {
      backend.copy(page(page).whole, page(copy).whole);
    } catch (RuntimeException | Error e) {
      release(copy);
      throw e;
    }
    release(page);
    return copy;
  }

  /** Removes a cache from the holders of a page. */
  synchronized void release(int page) {
    if (closed || --holders[page] > 0) {
      return;
    }
    held--;
    unheld.set(page);
    while (unheld.cardinality() > held + SPARE) {
      int idle = unheld.length() - 1;
      unheld.clear(idle);
      present.clear(idle);
      page(idle).scope.close();
      pages[idle] = null;
    }
  }

  /** Frees all pages, even those that are held. */
  @Override
  public synchronized void close() {
    closed = true;
    for (int i = 0; i < pages.length; i++) {
      Page page = pages[i];
      if (page != null) {
        page.scope.close();
        pages[i] = null;
      }
    }
  }
}
