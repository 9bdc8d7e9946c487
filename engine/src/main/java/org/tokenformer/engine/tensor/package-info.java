/**
 * What a tensor is: a {@link DType}, a {@link Shape} and a place in a {@link Buffer} that its
 * backend owns. Knows no arithmetic, no files and no models.
 */
@NullMarked
package org.tokenformer.engine.tensor;

import org.jspecify.annotations.NullMarked;
