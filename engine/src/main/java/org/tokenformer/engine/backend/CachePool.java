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
 * The memory of the {@link KeyValueCache}s of one model, in pages of {@value #PAGE} positions of
 * all its layers, as in vLLM (arXiv 2309.06180): a conversation costs what it holds, and
 * conversations that begin alike hold their common pages once.
 *
 * <p>A page is an index. Each has as many holders as caches hold it, and only a page of one holder
 * may be written. Pages that nobody holds are kept for the next cache, at most as many as are held
 * and {@value #SPARE} more; the others go back to the system.
 *
 * <p>Safe for any number of threads.
 */
public final class CachePool implements AutoCloseable {
  /**
   * Positions of a page. Small, since a conversation's last page is half empty on average; and a
   * divisor of what the kernels read as one block, whose tiles of rows no page cuts.
   */
  public static final int PAGE = 48;

  private static final int SPARE = 32;

  /** Keys and values of a page: for each layer (PAGE, C), views of one tensor. */
  private record Page(MemoryScope scope, Tensor whole, List<Tensor> keys, List<Tensor> values) {}

  private final Backend backend;
  private final int layers;
  private final int channels;
  private final DType dtype;
  private final long pageBytes;
  private volatile @Nullable Page[] pages = new Page[16]; // of each index; replaced where it grows
  private int[] holders = new int[16];
  private final BitSet present = new BitSet(); // pages that have memory
  private final BitSet unheld = new BitSet(); // those of them that nobody holds
  private int held;
  private long limit = Long.MAX_VALUE;
  private boolean closed;

  /**
   * An empty pool.
   *
   * @param layers of the model
   * @param channels C of keys and of values
   * @param dtype F32 or BF16
   */
  public CachePool(Backend backend, int layers, int channels, DType dtype) {
    if (dtype != DType.F32 && dtype != DType.BF16) {
      throw new IllegalArgumentException("a cache of " + dtype + "; it may be F32 or BF16");
    }
    this.backend = backend;
    this.layers = layers;
    this.channels = channels;
    this.dtype = dtype;
    pageBytes = shape().bytes(dtype);
  }

  /** Keys of the first layer, its values, keys of the second layer, and so on. */
  private Shape shape() {
    return Shape.of(2L * layers * PAGE, channels);
  }

  /** Pages that so many positions take. */
  public static int pages(int positions) {
    return Math.ceilDiv(positions, PAGE);
  }

  /** Layers of the model. */
  public int layers() {
    return layers;
  }

  /** C of keys and of values. */
  public int channels() {
    return channels;
  }

  /** Element type. */
  public DType dtype() {
    return dtype;
  }

  /** Bytes of a page. */
  public long pageBytes() {
    return pageBytes;
  }

  /** Pages that are held now. */
  public synchronized int held() {
    return held;
  }

  /** Sets how many bytes of pages may be held at a time; those that are held stay. */
  public synchronized void limit(long bytes) {
    limit = bytes;
  }

  /** Whether its memory is gone. */
  synchronized boolean isClosed() {
    return closed;
  }

  /** All layers of a page. */
  Tensor whole(int page) {
    return page(page).whole;
  }

  /** Keys of a page for a layer, (PAGE, C). */
  Tensor keys(int page, int layer) {
    return page(page).keys.get(layer);
  }

  /** Values of a page for a layer, (PAGE, C). */
  Tensor values(int page, int layer) {
    return page(page).values.get(layer);
  }

  private Page page(int index) {
    Page page = pages[index];
    if (page == null) {
      throw new IllegalStateException("the cache's memory is gone");
    }
    return page;
  }

  /**
   * Takes a page that nobody holds; its contents are undefined.
   *
   * @throws CacheFullException if the limit is reached
   * @throws OutOfMemoryError if the machine does not have the memory
   */
  synchronized int take() {
    if (closed) {
      throw new IllegalStateException("the cache's memory is gone");
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

  /** One more cache holds a page. */
  synchronized void share(int page) {
    holders[page]++;
  }

  /** Whether more than one cache holds a page. */
  synchronized boolean isShared(int page) {
    return holders[page] > 1;
  }

  /** A page with the same contents, for a holder of the given one, which it gives back. */
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

  /** One cache less holds a page. */
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

  /** Frees all pages, held or not. */
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
