/**
 * Measurements: how well a model predicts given ids ({@link
 * org.tokenformer.engine.measure.Evaluator}, {@link org.tokenformer.engine.measure.Scorer}), how
 * much worse it gets with fewer parameter tokens ({@link
 * org.tokenformer.engine.measure.ShrinkStudy}), how fast it runs ({@link
 * org.tokenformer.engine.measure.Throughput}), and the machine's performance limits ({@link
 * org.tokenformer.engine.measure.Machine}). Losses are in nats.
 *
 * <p>May use every other package; only the root package and programs use it. It knows neither text
 * nor the console.
 */
@NullMarked
package org.tokenformer.engine.measure;

import org.jspecify.annotations.NullMarked;
