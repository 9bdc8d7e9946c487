/**
 * The meaning of each operation, in the fewest lines and with double accumulators. Written to be
 * read, never optimised; knows neither threads nor SIMD. Every other backend is tested against it.
 */
@NullMarked
package org.tokenformer.engine.backend.scalar;

import org.jspecify.annotations.NullMarked;
