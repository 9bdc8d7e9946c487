/**
 * The seam between models and machines: {@link org.tokenformer.engine.backend.Backend} and the
 * values it speaks in. An operation is whole ({@code pattention}, not matrix multiplication + norm
 * + matrix multiplication), so that a CPU fuses it by tiles and a GPU keeps everything on the
 * device. Knows none of its implementations.
 */
@NullMarked
package org.tokenformer.engine.backend;

import org.jspecify.annotations.NullMarked;
