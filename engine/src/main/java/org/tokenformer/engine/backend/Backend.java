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
 *   <li>Activations are F32, weights F32, BF16 or {@linkplain
 *       org.tokenformer.engine.tensor.Quantized quantised}; all are row-major.
 *   <li>The output overlaps no input unless the operation says so; it is written in full.
 *   <li>A NaN or an infinity in a row of the input reaches that row of the output and no other.
 *   <li>The result has the same bits for every number of threads.
 *   <li>A backward operation adds to the gradients that it is given; they are F32 and overlap
 *       nothing else.
 *   <li>Operations of several threads on one backend run one after the other.
 *   <li>Arguments are checked by {@link CheckedBackend}, which stands before every implementation;
 *       an implementation may trust them.
 * </ul>
 */
public interface Backend extends AutoCloseable {
  /** The name that asks for it: {@code scalar} or {@code vector}. */
  String name();

  /** One line for people: what computes, how wide, on how many threads. */
  String description();

  /** Threads that compute, the caller's included. */
  int threads();

  /**
   * How many ids of a prompt are best computed in one pass over weights of so many bytes, at least
   * 1. Splitting a prompt changes its logits by rounding at most.
   */
  int promptRows(int ids, long weightBytes);

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
   * Gradient of {@link #embed}: each row is added to its id's row.
   *
   * @param outGradient (T, C)
   * @param tableGradient (V, C)
   */
  void embedBackward(int[] ids, int from, Tensor outGradient, Tensor tableGradient);

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
   * Gradients of {@link #layerNorm}.
   *
   * @param x (T, C), as in the forward pass
   * @param weight (C), as in the forward pass
   * @param outGradient (T, C)
   * @param xGradient (T, C)
   * @param weightGradient (C), or null if it is not wanted
   * @param biasGradient (C), or null if it is not wanted
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
   * Token–parameter attention (paper, equations 3 to 5): s = x·Kᵀ, y = Θ(s; τ)·W.
   *
   * @param x (T, C)
   * @param tokens N keys (C) and values (C') under Θ and τ
   * @param saved where s is kept for the backward pass, with the dropout on Θ; or null
   * @param out (T, C')
   */
  void pattention(Tensor x, ParameterTokens tokens, @Nullable SavedScores saved, Tensor out);

  /** Token–parameter attention that nothing is learned from. */
  default void pattention(Tensor x, ParameterTokens tokens, Tensor out) {
    pattention(x, tokens, null, out);
  }

  /**
   * θ itself, as {@link #pattention} weighted the values by it, of the scores that it kept: for a
   * look at which parameter tokens a token calls on. No dropout is applied, whatever {@code saved}
   * names.
   *
   * @param tokens as in the forward pass
   * @param saved as the forward pass of T rows left it
   * @param out (T, N)
   */
  void thetas(ParameterTokens tokens, SavedScores saved, Tensor out);

  /**
   * Gradients of {@link #pattention}. Where a row's norm is 0, Θ passes no gradient.
   *
   * @param x (T, C), as in the forward pass
   * @param tokens as in the forward pass
   * @param saved as the forward pass left it
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
   * Rotates the first R channels of each head in place, as pairs (i, i + R/2), by the angle of the
   * row's position. The gradient is rotated back: the same with the sines negated.
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
   * @param logSums (T, H), where ln Σexp(q·kᵀ/√D) is kept for the backward pass; or null
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

  /** Causal self-attention that nothing is learned from. */
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
   * Gradients of {@link #attention}, for sequences without a cache.
   *
   * @param query (T, H·D), as in the forward pass, like all that follow
   * @param logSums (T, H), as the forward pass left it
   * @param out (T, H·D), as the forward pass left it
   * @param outGradient (T, H·D)
   * @param queryGradient (T, H·D), of the rotated query
   * @param keyGradient (T, H·D), of the rotated key
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

  /** out ← x + y; all (T, C); {@code out} may be one of them. */
  void add(Tensor x, Tensor y, Tensor out);

  /**
   * Scores of every entry of the vocabulary: x·Eᵀ.
   *
   * @param x (T, C)
   * @param table E, (V, C)
   * @param out (T, V)
   */
  void logits(Tensor x, Tensor table, Tensor out);

  /**
   * Gradients of {@link #logits}.
   *
   * @param x (T, C), as in the forward pass
   * @param table (V, C), as in the forward pass
   * @param outGradient (T, V)
   * @param xGradient (T, C)
   * @param tableGradient (V, C), or null if it is not wanted
   */
  void logitsBackward(
      Tensor x, Tensor table, Tensor outGradient, Tensor xGradient, @Nullable Tensor tableGradient);

  /**
   * The negative natural logarithm of softmax(logits)[target], a row each.
   *
   * @param logits (T, V)
   * @param targets the target of row t is {@code targets[from + t]}
   * @param losses (T), F32
   */
  void crossEntropy(Tensor logits, int[] targets, int from, Tensor losses);

  /**
   * The losses of {@link #crossEntropy} and their gradient, in the place of the logits: each row
   * becomes weight·(softmax(logits) − one at the target), so that (T, V) numbers are held once.
   *
   * @param weight what a row's loss counts in the loss that is trained on: 1 over all rows for the
   *     mean
   */
  void crossEntropyBackward(Tensor logits, int[] targets, int from, float weight, Tensor losses);

  /** The sum of the squares of an F32 tensor, NaN or infinite if an element is. */
  double sumOfSquares(Tensor tensor);

  /**
   * One step of an optimiser on weights, in place. Rows that are not trained are left out by
   * handing in the others: {@link Tensor#rows}.
   *
   * @param weights F32, of any shape
   * @param gradient of the same shape, like all that follow
   * @param first the first moment, updated
   * @param second the second moment, updated
   */
  void adamw(AdamW step, Tensor weights, Tensor gradient, Tensor first, Tensor second);

  /**
   * Stops the backend's threads and lets go of its scratch memory, which goes with the next garbage
   * collection; scopes stay their owners'.
   */
  @Override
  void close();
}
