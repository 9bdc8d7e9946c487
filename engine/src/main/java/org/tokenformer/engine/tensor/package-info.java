/**
 * Tensors: a {@link DType}, a {@link Shape} and an offset in a {@link Buffer} owned by the backend.
 * This package contains no arithmetic and knows neither files nor models.
 */
@NullMarked
package org.tokenformer.engine.tensor;

import org.jspecify.annotations.NullMarked;
