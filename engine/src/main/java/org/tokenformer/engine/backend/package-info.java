/**
 * The interface between models and hardware: {@link org.tokenformer.engine.backend.Backend} and the
 * types of its arguments. Operations are coarse ({@code pattention}, not matrix multiplication +
 * norm + matrix multiplication), so that a CPU can fuse them tile by tile and a GPU can keep
 * everything on the device. This package does not depend on the implementations.
 */
@NullMarked
package org.tokenformer.engine.backend;

import org.jspecify.annotations.NullMarked;
