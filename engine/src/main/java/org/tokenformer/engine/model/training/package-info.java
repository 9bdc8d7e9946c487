/**
 * What training adds to the network: a model whose weights can be written ({@link
 * org.tokenformer.engine.model.training.TrainableModel}), random first weights, the memory of a
 * forward and a backward pass, gradients ({@link
 * org.tokenformer.engine.model.training.Backpropagation}), and a look at what a forward pass keeps
 * ({@link org.tokenformer.engine.model.training.ThetaProbe}). Knows neither data nor optimiser.
 */
@NullMarked
package org.tokenformer.engine.model.training;

import org.jspecify.annotations.NullMarked;
