/**
 * The speed: the operations on {@code jdk.incubator.vector}, the only package that imports it.
 *
 * <p>Many tokens lie on the lanes. Activations are transposed into <i>panels</i> of a few vectors
 * of tokens, parameter tokens are broadcast, and one register-blocked micro-kernel serves keys,
 * values, the head and attention over the cache alike. Norms, Θ and softmax are then plain
 * arithmetic down the lanes, without a horizontal sum. Each result is one chain of fused
 * multiply-adds in the order of the parameter tokens, whatever the blocking, the width and the
 * number of threads, so that appended zero rows change no bit. A single token streams the weights
 * instead.
 *
 * <p>Kernels take bare addresses and check nothing: {@code CheckedBackend} did. Vectors never leave
 * a method that is not inlined, or they would be boxed.
 */
@NullMarked
package org.tokenformer.engine.backend.vector;

import org.jspecify.annotations.NullMarked;
