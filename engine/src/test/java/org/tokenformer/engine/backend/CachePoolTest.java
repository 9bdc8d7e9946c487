package org.tokenformer.engine.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.Seeds;
import org.tokenformer.engine.testing.Tensors;

/** Pages of caches: how many there are, which caches hold them, and when they are freed. */
final class CachePoolTest {
  private static final int PAGE = CachePool.PAGE;

  private final Backend backend = new CheckedBackend(new ScalarBackend());
  private final CachePool pool = new CachePool(backend, 2, 3, DType.F32);
  private final long before = HostScope.liveBytes();

  @AfterEach
  void nothingRemainsAllocated() {
    pool.close();
    pool.close();
    assertEquals(before, HostScope.liveBytes());
  }

  private KeyValueCache cache(int positions) {
    KeyValueCache cache = new KeyValueCache(pool);
    cache.reserve(0, positions);
    return cache;
  }

  @Test
  void aCacheCostsWhatItHolds() {
    assertEquals(2L * 2 * PAGE * 3 * Float.BYTES, pool.pageBytes());
    KeyValueCache cache = cache(0);
    assertEquals(0, pool.held());
    cache.reserve(0, 1);
    assertEquals(1, pool.held());
    cache.reserve(1, PAGE - 1);
    assertEquals(PAGE, cache.capacity());
    cache.reserve(PAGE - 1, 2);
    assertEquals(2, cache.pages());
    assertEquals(before + 2 * pool.pageBytes(), HostScope.liveBytes());
    cache.truncate(PAGE + 1);
    assertEquals(2, cache.pages());
    cache.truncate(PAGE);
    assertEquals(1, cache.pages());
    cache.reserve(PAGE, 10 * PAGE + 1);
    assertEquals(12, pool.held());
    cache.close();
    cache.close();
    assertEquals(0, pool.held());
  }

  @Test
  void pagesOfOneLayerDoNotOverlapThoseOfAnother() {
    KeyValueCache cache = cache(2 * PAGE);
    for (int i = 0; i < 8; i++) {
      float[] values = new float[PAGE * 3];
      Arrays.fill(values, i);
      Tensors.set(backend, tensor(cache, i), values);
    }
    for (int i = 0; i < 8; i++) {
      for (float value : Tensors.get(backend, tensor(cache, i))) {
        assertEquals(i, value);
      }
    }
  }

  private static Tensor tensor(KeyValueCache cache, int i) {
    return i < 4 ? cache.keys(i / 2, i % 2) : cache.values(i / 2 % 2, i % 2);
  }

  @Test
  void forksShareUntilOneWrites() {
    KeyValueCache parent = cache(2 * PAGE + 5);
    Tensors.set(backend, parent.values(2, 1).rows(4, 1), new float[] {7, 8, 9});
    KeyValueCache fork = parent.fork(2 * PAGE + 5);
    assertEquals(3, pool.held());
    assertSame(parent.keys(2, 0), fork.keys(2, 0));
    fork.reserve(2 * PAGE + 5, 1);
    assertEquals(4, pool.held());
    assertSame(parent.keys(1, 0), fork.keys(1, 0));
    assertNotEquals(parent.keys(2, 0), fork.keys(2, 0));
    assertEquals(9, Tensors.get(backend, fork.values(2, 1).rows(4, 1))[2]);
    Tensor kept = parent.keys(2, 0);
    parent.reserve(2 * PAGE + 5, 1); // the last page has one holder: no copy
    assertSame(kept, parent.keys(2, 0));
    assertFalse(fork.isReserved(3, 1));
    fork.truncate(3);
    fork.reserve(3, PAGE); // a page that was full when it was shared
    assertEquals(5, pool.held());
    assertTrue(fork.isReserved(3, PAGE));
    parent.close();
    assertEquals(2, pool.held());
    assertEquals(0, fork.fork(0).pages());
    fork.close();
    assertEquals(0, pool.held());
  }

  @Test
  void theLimitHolds() {
    pool.limit(3 * pool.pageBytes() + 1);
    KeyValueCache cache = cache(2 * PAGE);
    KeyValueCache other = new KeyValueCache(pool);
    String message =
        assertThrows(CacheFullException.class, () -> other.reserve(0, 2 * PAGE)).getMessage();
    assertEquals(
        "the cache's limit of 6913 bytes is reached: 3 pages of 2304 bytes are in use; close"
            + " sessions or raise the limit",
        message);
    other.truncate(0);
    assertEquals(2, pool.held());
    KeyValueCache fork = cache.fork(2 * PAGE - 1);
    fork.reserve(2 * PAGE - 1, 1);
    KeyValueCache second = cache.fork(2 * PAGE - 1);
    assertThrows(CacheFullException.class, () -> second.reserve(2 * PAGE - 1, 1));
    assertSame(cache.keys(1, 0), second.keys(1, 0));
    pool.limit(Long.MAX_VALUE);
    second.reserve(2 * PAGE - 1, 1);
  }

  @Test
  void mostIdleMemoryIsFreed() {
    List<KeyValueCache> caches = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      caches.add(cache(1));
    }
    assertEquals(before + 100 * pool.pageBytes(), HostScope.liveBytes());
    caches.forEach(KeyValueCache::close);
    long idle = (HostScope.liveBytes() - before) / pool.pageBytes();
    assertTrue(idle > 0 && idle <= 32, idle + " pages are idle");
    for (int i = 0; i < 100; i++) {
      cache(1);
    }
    assertEquals(before + 100 * pool.pageBytes(), HostScope.liveBytes());
  }

  @Test
  void aClosedPoolGivesNothing() {
    KeyValueCache cache = cache(1);
    pool.close();
    assertThrows(IllegalStateException.class, () -> cache.reserve(PAGE, 1));
    assertThrows(IllegalStateException.class, () -> cache.keys(0, 0));
    cache.close();
    for (DType dtype : List.of(DType.F16, DType.F64, DType.I8)) {
      assertThrows(IllegalArgumentException.class, () -> new CachePool(backend, 2, 3, dtype));
    }
  }

  @Test
  void threadsUseThePoolConcurrently() throws InterruptedException {
    Random seeds = Seeds.random("CachePoolTest.threads");
    ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    KeyValueCache root = cache(3 * PAGE / 2);
    Tensors.set(backend, root.keys(1, 1).rows(1, 1), new float[] {1, 2, 3});
    List<KeyValueCache> forks = new ArrayList<>();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 4; t++) {
      Random random = new Random(seeds.nextLong());
      forks.add(root.fork(3 * PAGE / 2));
      KeyValueCache mine = forks.getLast();
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                try {
                  for (int i = 0; i < 300; i++) {
                    KeyValueCache fork = mine.fork(3 * PAGE / 2);
                    fork.reserve(3 * PAGE / 2, 1 + random.nextInt(2 * PAGE));
                    assertEquals(3, Tensors.get(backend, fork.keys(1, 1).rows(1, 1))[2]);
                    Tensors.set(backend, fork.keys(1, 1).rows(1, 1), new float[] {i, i, i});
                    fork.close();
                  }
                } catch (Throwable e) {
                  failures.add(e);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(List.of(), List.copyOf(failures));
    assertEquals(2, pool.held());
    forks.forEach(KeyValueCache::close);
    root.close();
    assertEquals(0, pool.held());
  }
}
