/**
 * Measuring: how well a model predicts given ids ({@link org.tokenformer.engine.measure.Evaluator},
 * {@link org.tokenformer.engine.measure.Scorer}), what it loses with fewer parameter tokens ({@link
 * org.tokenformer.engine.measure.ShrinkStudy}), how fast it runs ({@link
 * org.tokenformer.engine.measure.Throughput}), and what the machine can do at most ({@link
 * org.tokenformer.engine.measure.Machine}). Losses are in nats, times in seconds.
 *
 * <p>May use every other package but {@code generate}; only the façade and programs use it. Knows
 * neither text nor the console.
 */
@NullMarked
package org.tokenformer.engine.measure;

import org.jspecify.annotations.NullMarked;
