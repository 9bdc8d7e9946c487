/**
 * The fast backend: operations implemented with {@code jdk.incubator.vector}. This is the only
 * package that imports it.
 *
 * <p>Many tokens are spread over the lanes. Activations are transposed into <i>panels</i> of a few
 * vectors of tokens, parameter tokens are broadcast, and one register-blocked micro-kernel serves
 * keys, values, the output head and attention over the KV cache alike. Norms, Θ and softmax are
 * then plain arithmetic down the lanes, without horizontal sums. One or two tokens read the weights
 * row by row instead ({@link Gemv}), up to 48 in blocks of rows ({@link FewTokens}).
 *
 * <p>Sums are added in the order of the parameter tokens, in chunks whose positions are fixed,
 * whatever the number of threads and the cuts between segments. Appended zero rows therefore change
 * no bit of a result.
 *
 * <p>Kernels take raw addresses and check nothing: {@code CheckedBackend} has checked the
 * arguments. Vectors never leave a method that is not inlined; otherwise they would be boxed.
 */
@NullMarked
package org.tokenformer.engine.backend.vector;

import org.jspecify.annotations.NullMarked;
