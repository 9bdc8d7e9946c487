/**
 * Training support for the network: a model with writable weights ({@link
 * org.tokenformer.engine.model.training.TrainableModel}), random initial weights, the memory of
 * forward and backward passes, gradients ({@link
 * org.tokenformer.engine.model.training.Backpropagation}), and inspection of what a forward pass
 * saves ({@link org.tokenformer.engine.model.training.ThetaProbe}). The package knows nothing of
 * data or optimisers.
 */
@NullMarked
package org.tokenformer.engine.model.training;

import org.jspecify.annotations.NullMarked;
