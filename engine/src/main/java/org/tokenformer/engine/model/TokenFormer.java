package org.tokenformer.engine.model;

import java.util.List;
import java.util.SequencedMap;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A language model in a backend's memory: weights that any number of {@link Session}s on any
 * threads read concurrently. They change only in training: the trainer writes them between two
 * steps, while no session is in a step.
 */
public final class TokenFormer implements AutoCloseable {
  private final Network network;
  private final SequencedMap<String, Tensor> weights;
  private final long weightBytes;
  private final SharedMemory shared;
  private final Lifetime lifetime;

  /**
   * Creates a model from tensors that are already loaded; most programs use a loader instead.
   *
   * @param scope holds the weights; closed with the model, but not if the constructor fails
   * @param onClose runs when the model's memory is no longer in use
   */
  public TokenFormer(Backend backend, MemoryScope scope, ModelWeights weights, Runnable onClose) {
    network = Network.of(backend, scope, weights);
    this.weights = weights.byName();
    weightBytes = bytes(network);
    shared = new SharedMemory(this);
    lifetime =
        new Lifetime(
            "model",
            () -> {
              shared.close();
              scope.close();
              onClose.run();
            });
  }

  private static long bytes(Network network) {
    Tensor embedding = network.embedding();
    Tensor head = network.head();
    long sum = embedding.totalBytes() + (head == embedding ? 0 : head.totalBytes());
    sum += network.normWeight().byteSize() + network.normBias().byteSize();
    for (Block block : network.blocks()) {
      for (BlockPattention which : BlockPattention.values()) {
        for (ParameterTokens.Segment segment : block.pattentions().get(which).tokens().segments()) {
          sum += segment.keys().rows(0, segment.rows()).totalBytes();
          sum += segment.values().rows(0, segment.rows()).totalBytes();
        }
      }
    }
    return sum;
  }

  /** Returns the configuration in use; its sizes include attached parameter tokens. */
  public TokenFormerConfig config() {
    return network.config();
  }

  /** Returns the backend that it computes on. */
  public Backend backend() {
    return network.backend();
  }

  /** Returns the network that it computes. */
  public Network network() {
    return network;
  }

  /** Returns all of its own weights by name, in the order of their file. */
  public SequencedMap<String, Tensor> weights() {
    return weights;
  }

  /**
   * Returns the tokens that one Pattention computes with: its own ones in use, and attached ones.
   */
  public ParameterTokens parameterTokens(int layer, BlockPattention which) {
    return network.blocks().get(layer).pattentions().get(which).tokens();
  }

  /**
   * Returns the bytes of the weights in use: those that decoding a token reads, and the embedding.
   */
  public long weightBytes() {
    return weightBytes;
  }

  /** Creates a session for the model's full context length, with an F32 cache. */
  public Session newSession() {
    return newSession(config().contextLength(), DType.F32);
  }

  /**
   * Creates a session.
   *
   * @param capacity maximum positions in its cache, at most the model's context length
   * @param cacheType F32, or BF16, which halves the memory and rounds keys and values
   * @throws IllegalStateException if the model is closed
   */
  public Session newSession(int capacity, DType cacheType) {
    lifetime.enter();
    try {
      return new Session(this, capacity, cacheType);
    } finally {
      lifetime.exit();
    }
  }

  /**
   * Creates a runner for passes over new ids of many sessions at once, for example in a server.
   *
   * @throws IllegalStateException if the model is closed
   */
  public Runner newRunner() {
    lifetime.enter();
    try {
      return new Runner(this);
    } finally {
      lifetime.exit();
    }
  }

  /**
   * Limits the bytes that the caches of all sessions of one cache type may hold together; there is
   * no limit by default. A step that would exceed it throws a {@link
   * org.tokenformer.engine.backend.CacheFullException}.
   *
   * @throws ConfigException if the number is negative
   */
  public void limitCache(long bytes) {
    if (bytes < 0) {
      throw ConfigException.notAllowed("cache_limit", bytes, "at least 0");
    }
    shared.limit(bytes);
  }

  SharedMemory shared() {
    return shared;
  }

  /**
   * Appends one id to each of several sessions in one pass, which reads the weights once for all of
   * them. Faster than calling {@link Session#decode} for each session; the logits differ by
   * rounding.
   *
   * @param sessions 1 to 64 different sessions of this model; no other thread may use them
   *     meanwhile
   * @param ids one id per session
   * @return the logits of these ids, (sessions, V), valid until the next step of the first session
   * @throws IllegalArgumentException if a session belongs to another model, is listed twice or is
   *     full
   * @throws IndexOutOfBoundsException if an id is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if the thread is interrupted; after this or
   *     any other error all sessions are unchanged
   */
  public Tensor step(List<Session> sessions, int[] ids) {
    return Session.step(this, sessions, ids);
  }

  /** Returns the lifetime that every operation on the model's memory must enter and exit. */
  public Lifetime lifetime() {
    return lifetime;
  }

  /**
   * Rejects new sessions and new steps of its sessions immediately, and frees the weights once the
   * last running step has ended. Sessions must still be closed to free their own memory.
   */
  @Override
  public void close() {
    lifetime.close();
  }
}
