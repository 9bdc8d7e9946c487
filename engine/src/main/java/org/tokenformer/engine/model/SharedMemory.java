package org.tokenformer.engine.model;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumMap;
import java.util.Map;
import org.tokenformer.engine.backend.CachePool;
import org.tokenformer.engine.tensor.DType;

/**
 * Memory that the sessions of one model share: the pages of their caches, and runners for sessions
 * that are stepped individually. There are as many runners as threads were ever in a step at the
 * same time, so that an idle session costs nothing but its cache. Thread-safe.
 */
final class SharedMemory implements AutoCloseable {
  private final TokenFormer model;
  private final Map<DType, CachePool> pools = new EnumMap<>(DType.class);
  private final Deque<Runner> idle = new ArrayDeque<>();
  private long limit = Long.MAX_VALUE;

  SharedMemory(TokenFormer model) {
    this.model = model;
  }

  /** Returns the page pool of the caches of a type, F32 or BF16. */
  synchronized CachePool pool(DType type) {
    CachePool pool = pools.get(type);
    if (pool == null) {
      TokenFormerConfig config = model.config();
      int layers = config.layers().size();
      pool = new CachePool(model.backend(), layers, config.hiddenSize(), type);
      pool.limit(limit);
      pools.put(type, pool);
    }
    return pool;
  }

  /** Sets how many bytes the caches of each type may hold. */
  synchronized void limit(long bytes) {
    limit = bytes;
    pools.values().forEach(pool -> pool.limit(bytes));
  }

  /** Returns a runner for the caller's exclusive use until {@link #giveBack}. */
  synchronized Runner take() {
    return idle.isEmpty() ? new Runner(model) : idle.pop();
  }

  synchronized void giveBack(Runner runner) {
    runner.start(); // drops the sessions of a failed pass
    idle.push(runner);
  }

  /** Frees all memory; called when no session is in a step. */
  @Override
  public synchronized void close() {
    pools.values().forEach(CachePool::close);
    idle.forEach(Runner::close);
    idle.clear();
  }
}
