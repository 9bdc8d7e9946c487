/**
 * Training: a {@link org.tokenformer.engine.train.Trainer} draws windows of ids from a {@link
 * org.tokenformer.engine.train.TokenSource}, computes gradients with {@link
 * org.tokenformer.engine.model.training.Backpropagation} and updates the weights with an {@link
 * org.tokenformer.engine.train.Optimizer}. All state that a step depends on is saved, so a run can
 * be stopped and resumed bit-identically. This package handles neither text nor the console.
 */
@NullMarked
package org.tokenformer.engine.train;

import org.jspecify.annotations.NullMarked;
