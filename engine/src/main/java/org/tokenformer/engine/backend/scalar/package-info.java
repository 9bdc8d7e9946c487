/**
 * The reference implementation, which defines what each operation computes, in few lines and with
 * double accumulators. It is written for readability, is not optimised and uses neither threads nor
 * SIMD. Every other backend is tested against it.
 */
@NullMarked
package org.tokenformer.engine.backend.scalar;

import org.jspecify.annotations.NullMarked;
