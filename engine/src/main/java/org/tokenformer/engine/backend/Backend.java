package org.tokenformer.engine.backend;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.tensor.Tensor;

/**
 * What a machine can do for a model: whole operations on tensors in memory that it owns.
 *
 * <p>Letters: T rows (tokens in flight), C channels, N parameter tokens, H heads, D = C/H, V
 * vocabulary, R rotated channels of a head.
 *
 * <p>Contract of every operation:
 *
 * <ul>
 *   <li>Activations are F32; weights are F32 or BF16; both row-major.
 *   <li>The output overlaps no input unless the operation says so; it is written in full.
 *   <li>A NaN or an infinity in a row of the input reaches that row of the output and no other.
 *   <li>The result has the same bits for every number of threads.
 *   <li>Operations of several threads on one backend run one after the other.
 *   <li>Arguments are checked by {@link CheckedBackend}, which stands before every implementation;
 *       an implementation may trust them.
 * </ul>
 */
public interface Backend extends AutoCloseable {
  /** The name that asks for it: {@code scalar}, {@code vector} or {@code cuda}. */
  String name();

  /** One line for people: what computes, how wide, on how many threads. */
  String description();

  /** Threads that compute, the caller's included. */
  int threads();

  /** New memory, to be closed by the caller. */
  MemoryScope openScope();

  /** Copies native memory in; as many bytes as the tensor has. */
  void upload(MemorySegment source, Tensor destination);

  /** Copies a tensor out; as many bytes as the tensor has. */
  void download(Tensor source, MemorySegment destination);

  /** Copies between tensors of one type and size; they must not overlap. */
  void copy(Tensor source, Tensor destination);

  /** Sets every element to 0. */
  void zero(Tensor tensor);

  /**
   * Looks up embeddings: row t of {@code out} (T, C) is row {@code ids[from + t]} of {@code table}
   * (V, C).
   */
  void embed(Tensor table, int[] ids, int from, Tensor out);

  /**
   * Layer normalisation of each row: (x − mean)/√(variance + ε), times weight plus bias where there
   * are any. The variance is the biased one.
   *
   * @param x (T, C)
   * @param weight (C), F32, or null for 1
   * @param bias (C), F32, or null for 0
   * @param out (T, C); may be {@code x}
   */
  void layerNorm(
      Tensor x, @Nullable Tensor weight, @Nullable Tensor bias, float epsilon, Tensor out);

  /**
   * Token–parameter attention (paper, equations 3 to 5): s = x·Kᵀ, y = Θ(s; τ)·W.
   *
   * @param x (T, C)
   * @param tokens N keys (C) and values (C') under Θ and τ
   * @param out (T, C')
   */
  void pattention(Tensor x, ParameterTokens tokens, Tensor out);

  /**
   * Rotates the first R channels of each head in place, as pairs (i, i + R/2), by the angle of the
   * row's position.
   *
   * @param x (T, H·D)
   * @param sequences whose rows they are; they give the positions
   */
  void rotary(Tensor x, int heads, RotaryTable table, List<Sequence> sequences);

  /**
   * Causal self-attention of several sequences at once. Appends the rows of {@code key} and {@code
   * value} to the sequences' caches, in the caches' type, and computes for each row and head
   * softmax(q·kᵀ/√D)·v over its own sequence up to and including its own position.
   *
   * @param query (T, H·D), already rotated
   * @param key (T, H·D), already rotated
   * @param value (T, H·D)
   * @param layer which layer of the caches is meant
   * @param out (T, H·D)
   */
  void attention(
      Tensor query,
      Tensor key,
      Tensor value,
      int heads,
      int layer,
      List<Sequence> sequences,
      Tensor out);

  /** y ← y + x; both (T, C). */
  void add(Tensor x, Tensor y);

  /**
   * Scores of every entry of the vocabulary: x·Eᵀ.
   *
   * @param x (T, C)
   * @param table E, (V, C)
   * @param out (T, V)
   */
  void logits(Tensor x, Tensor table, Tensor out);

  /**
   * The negative natural logarithm of softmax(logits)[target], a row each.
   *
   * @param logits (T, V)
   * @param targets the target of row t is {@code targets[from + t]}
   * @param losses (T), F32
   */
  void crossEntropy(Tensor logits, int[] targets, int from, Tensor losses);

  /**
   * Stops the backend's threads and lets go of its scratch memory, which goes with the next garbage
   * collection; scopes stay their owners'.
   */
  @Override
  void close();
}
