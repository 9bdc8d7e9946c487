package org.tokenformer.engine.model;

import java.util.List;
import java.util.SequencedMap;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A language model in a backend's memory: weights that any number of {@link Session}s, on any
 * threads, read at once. They never change, unless the model is one that is trained: then its
 * trainer writes them between two steps, while no session is in one.
 */
public final class TokenFormer implements AutoCloseable {
  private final Network network;
  private final SequencedMap<String, Tensor> weights;
  private final long weightBytes;
  private final SharedMemory shared;
  private final Lifetime lifetime;

  /**
   * A model of finished tensors; most programs have a loader make it.
   *
   * @param scope holds the weights; is closed with the model, but not if this fails
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

  /** What it is made of: the tokens that it computes with, its own and attached ones. */
  public TokenFormerConfig config() {
    return network.config();
  }

  /** Where it computes. */
  public Backend backend() {
    return network.backend();
  }

  /** What it computes. */
  public Network network() {
    return network;
  }

  /** All weights of its own by name, in the order of their file. */
  public SequencedMap<String, Tensor> weights() {
    return weights;
  }

  /** The tokens that one Pattention computes with: of its own those in use, and attached ones. */
  public ParameterTokens parameterTokens(int layer, BlockPattention which) {
    return network.blocks().get(layer).pattentions().get(which).tokens();
  }

  /** Bytes of the weights in use: what one decoded token reads, and the embedding. */
  public long weightBytes() {
    return weightBytes;
  }

  /** A conversation of its own, with a cache of F32 for as many positions as the model has. */
  public Session newSession() {
    return newSession(config().contextLength(), DType.F32);
  }

  /**
   * A conversation of its own.
   *
   * @param capacity positions in its cache, at most the context of the model
   * @param cacheType F32, or BF16 for half the memory and rounded keys and values
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
   * Passes over new ids of many sessions at once, as a server needs them.
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
   * Sets how many bytes the caches of all sessions of one cache type may hold together; without
   * this as many as the machine has. A step that would need more is refused with a {@link
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
   * them: what a server does with the conversations that it holds. Faster than {@link
   * Session#decode} one after the other, with logits that differ from its by rounding.
   *
   * @param sessions of this model, 1 to 64, each once; no other thread may be using them
   * @param ids one for each
   * @return the logits at them, (sessions, V), valid until the next step of the first session
   * @throws IllegalArgumentException if one of them is of another model, there twice or full
   * @throws IndexOutOfBoundsException if an id is not in the vocabulary
   * @throws java.util.concurrent.CancellationException if the thread is interrupted; as with any
   *     other error, all sessions are as before then
   */
  public Tensor step(List<Session> sessions, int[] ids) {
    return Session.step(this, sessions, ids);
  }

  /** What every operation on its memory is to enter and exit. */
  public Lifetime lifetime() {
    return lifetime;
  }

  /**
   * Refuses new sessions and new steps of its sessions at once, and frees the weights after the
   * last step that is under way. Sessions still have to be closed for their own memory.
   */
  @Override
  public void close() {
    lifetime.close();
  }
}
