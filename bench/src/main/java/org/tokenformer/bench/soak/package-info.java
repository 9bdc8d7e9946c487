/**
 * Soak tests: the engine under load for a long time, with the results of a quiet run as reference.
 */
@NullMarked
package org.tokenformer.bench.soak;

import org.jspecify.annotations.NullMarked;
