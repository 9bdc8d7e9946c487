/**
 * Learning: a {@link org.tokenformer.engine.train.Trainer} draws windows of ids from a {@link
 * org.tokenformer.engine.train.TokenSource}, has the model's {@link
 * org.tokenformer.engine.model.training.Backpropagation} compute what they say of the weights, and
 * changes these with an {@link org.tokenformer.engine.train.Optimizer}. Everything that a step
 * depends on is its trainer's progress, so that a run can stop and go on to the same bits. Knows
 * neither text nor the console.
 */
@NullMarked
package org.tokenformer.engine.train;

import org.jspecify.annotations.NullMarked;
