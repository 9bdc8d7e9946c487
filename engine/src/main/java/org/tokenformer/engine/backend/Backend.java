package org.tokenformer.engine.backend;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The operations that a model needs, on tensors in memory that the backend owns.
 *
 * <p>Letters: T rows (tokens in flight), C channels, N parameter tokens, H heads, D = C/H, V
 * vocabulary, R rotated channels of a head.
 *
 * <p>Contract of every operation:
 *
 * <ul>
 *   <li>Activations are F32; weights are F32, BF16 or {@linkplain
 *       org.tokenformer.engine.tensor.Quantized quantised}. All are row-major.
 *   <li>The output must not overlap an input unless the operation allows it. All of it is written.
 *   <li>A NaN or infinity in an input row affects only the same row of the output.
 *   <li>Results are bit-identical for every number of threads. Those of a training step (forward
 *       operations for a backward pass, backward operations, {@link #adamw}) are also bit-identical
 *       at every vector width. In inference, a row's bits may depend on the width and on the number
 *       of rows.
 *   <li>A backward operation adds to the gradients passed to it, unless it says otherwise. They are
 *       F32 and must not overlap other operands.
 *   <li>Any number of threads may use one backend; it may run their operations sequentially.
 *   <li>{@link CheckedBackend} wraps every implementation and checks the arguments, so
 *       implementations may trust them.
 * </ul>
 */
public interface Backend extends AutoCloseable {
  /** Returns the name that selects this backend: {@code scalar} or {@code vector}. */
  String name();

  /** Returns a human-readable line: the implementation, vector width and number of threads. */
  String description();

  /** Returns the number of compute threads, including the caller's. */
  int threads();

  /**
   * Returns how many ids of a prompt are best processed in one pass over weights of the given size;
   * at least 1. Splitting a prompt changes its logits only by rounding.
   */
  int promptRows(int ids, long weightBytes);

  /** Opens a memory scope, which the caller closes. */
  MemoryScope openScope();

  /** Copies memory into a tensor of the same size. */
  void upload(MemorySegment source, Tensor destination);

  /** Copies a tensor into memory of the same size. */
  void download(Tensor source, MemorySegment destination);

  /** Copies between tensors of the same type and size; they must not overlap. */
  void copy(Tensor source, Tensor destination);

  /** Sets every element to 0. */
  void zero(Tensor tensor);

  /**
   * Looks up embeddings: row t of {@code out} (T, C) is row {@code ids[from + t]} of {@code table}
   * (V, C).
   */
  void embed(Tensor table, int[] ids, int from, Tensor out);

  /**
   * Computes the gradient of {@link #embed}: adds each row to the row of its id.
   *
   * @param outGradient (T, C)
   * @param tableGradient (V, C)
   */
  void embedBackward(int[] ids, int from, Tensor outGradient, Tensor tableGradient);

  /**
   * Normalises each row (layer norm): (x − mean)/√(variance + ε), times weight, plus bias. The
   * variance is the biased one.
   *
   * @param x (T, C)
   * @param weight (C), F32, or null for 1
   * @param bias (C), F32, or null for 0
   * @param out (T, C); may be {@code x}
   */
  void layerNorm(
      Tensor x, @Nullable Tensor weight, @Nullable Tensor bias, float epsilon, Tensor out);

  /**
   * Computes the gradients of {@link #layerNorm}.
   *
   * @param x (T, C), as in the forward pass
   * @param weight (C), as in the forward pass
   * @param outGradient (T, C)
   * @param xGradient (T, C)
   * @param weightGradient (C), or null if not needed
   * @param biasGradient (C), or null if not needed
   */
  void layerNormBackward(
      Tensor x,
      @Nullable Tensor weight,
      float epsilon,
      Tensor outGradient,
      Tensor xGradient,
      @Nullable Tensor weightGradient,
      @Nullable Tensor biasGradient);

  /**
   * Computes token–parameter attention (paper, equations 3 to 5): s = x·Kᵀ, y = Θ(s; τ)·W.
   *
   * @param x (T, C)
   * @param tokens N keys (C) and values (C') with their Θ and τ
   * @param saved receives s for the backward pass and specifies the dropout on Θ; or null
   * @param out (T, C')
   */
  void pattention(Tensor x, ParameterTokens tokens, @Nullable SavedScores saved, Tensor out);

  /** Computes token–parameter attention without a backward pass. */
  default void pattention(Tensor x, ParameterTokens tokens, Tensor out) {
    pattention(x, tokens, null, out);
  }

  /**
   * Computes θ, the weights of the values in {@link #pattention}, from the scores that it saved.
   * They show which parameter tokens an input token activates. No dropout is applied, even if
   * {@code saved} specifies one.
   *
   * @param tokens as in the forward pass
   * @param saved as left by the forward pass of T rows
   * @param out (T, N)
   */
  void thetas(ParameterTokens tokens, SavedScores saved, Tensor out);

  /**
   * Computes the gradients of {@link #pattention}. If a row's norm is 0, Θ passes no gradient.
   *
   * @param x (T, C), as in the forward pass
   * @param tokens as in the forward pass
   * @param saved as left by the forward pass
   * @param outGradient (T, C')
   * @param gradients of keys and values
   * @param xGradient (T, C)
   */
  void pattentionBackward(
      Tensor x,
      ParameterTokens tokens,
      SavedScores saved,
      Tensor outGradient,
      ParameterGradients gradients,
      Tensor xGradient);

  /**
   * Rotates the first R channels of each head in place, in pairs (i, i + R/2), by the angle of the
   * row's position. With negated sines, it rotates gradients back.
   *
   * @param x (T, H·D)
   * @param sequences the sequences of the rows, which determine the positions
   */
  void rotary(Tensor x, int heads, RotaryTable table, List<Sequence> sequences);

  /**
   * Computes causal self-attention of several sequences at once. Appends the rows of {@code key}
   * and {@code value} to the sequences' caches, converted to the caches' type, and computes for
   * each row and head softmax(q·kᵀ/√D)·v over its own sequence up to and including its own
   * position.
   *
   * @param query (T, H·D), already rotated
   * @param key (T, H·D), already rotated
   * @param value (T, H·D)
   * @param layer index of the layer in the caches
   * @param logSums (T, H), receives ln Σexp(q·kᵀ/√D) for the backward pass; or null
   * @param out (T, H·D)
   */
  void attention(
      Tensor query,
      Tensor key,
      Tensor value,
      int heads,
      int layer,
      List<Sequence> sequences,
      @Nullable Tensor logSums,
      Tensor out);

  /** Computes causal self-attention without a backward pass. */
  default void attention(
      Tensor query,
      Tensor key,
      Tensor value,
      int heads,
      int layer,
      List<Sequence> sequences,
      Tensor out) {
    attention(query, key, value, heads, layer, sequences, null, out);
  }

  /**
   * Computes the gradients of {@link #attention} for sequences without a cache.
   *
   * @param query (T, H·D), as in the forward pass, like the arguments up to {@code sequences}
   * @param logSums (T, H), as left by the forward pass
   * @param out (T, H·D), as left by the forward pass
   * @param outGradient (T, H·D)
   * @param queryGradient (T, H·D), with respect to the rotated query
   * @param keyGradient (T, H·D), with respect to the rotated key
   * @param valueGradient (T, H·D)
   */
  void attentionBackward(
      Tensor query,
      Tensor key,
      Tensor value,
      int heads,
      List<Sequence> sequences,
      Tensor logSums,
      Tensor out,
      Tensor outGradient,
      Tensor queryGradient,
      Tensor keyGradient,
      Tensor valueGradient);

  /** Computes out ← x + y, all (T, C); {@code out} may be {@code x} or {@code y}. */
  void add(Tensor x, Tensor y, Tensor out);

  /**
   * Computes the scores of all vocabulary entries: x·Eᵀ.
   *
   * @param x (T, C)
   * @param table E, (V, C)
   * @param training whether a backward pass follows
   * @param out (T, V)
   */
  void logits(Tensor x, Tensor table, boolean training, Tensor out);

  /** Computes logits for inference. */
  default void logits(Tensor x, Tensor table, Tensor out) {
    logits(x, table, false, out);
  }

  /**
   * Computes the gradients of {@link #logits}.
   *
   * @param x (T, C), as in the forward pass
   * @param table (V, C), as in the forward pass
   * @param outGradient (T, V)
   * @param xGradient (T, C)
   * @param tableGradient (V, C), or null if not needed
   */
  void logitsBackward(
      Tensor x, Tensor table, Tensor outGradient, Tensor xGradient, @Nullable Tensor tableGradient);

  /**
   * Computes −ln softmax(logits)[target] for each row.
   *
   * @param logits (T, V)
   * @param targets the target of row t is {@code targets[from + t]}
   * @param losses (T), F32
   */
  void crossEntropy(Tensor logits, int[] targets, int from, Tensor losses);

  /**
   * Computes the losses of {@link #crossEntropy} and overwrites the logits with their gradient, so
   * that only one (T, V) array is needed: each row becomes weight·(softmax(logits) − one-hot
   * target).
   *
   * @param weight factor of each row's loss in the training loss: 1/(number of all rows) for the
   *     mean
   */
  void crossEntropyBackward(Tensor logits, int[] targets, int from, float weight, Tensor losses);

  /** Returns the sum of squares of an F32 tensor; NaN or infinite if an element is. */
  double sumOfSquares(Tensor tensor);

  /**
   * Performs an optimiser step on weights, in place. To exclude untrained rows, pass a view of the
   * others: {@link Tensor#rows}.
   *
   * @param weights F32, of any shape
   * @param gradient of the same shape, as are both moments
   * @param first the first moment, updated
   * @param second the second moment, updated
   */
  void adamw(AdamW step, Tensor weights, Tensor gradient, Tensor first, Tensor second);

  /**
   * Stops the backend's threads and drops its scratch memory, which the garbage collector frees.
   * Memory scopes stay open until their owners close them.
   */
  @Override
  void close();
}
