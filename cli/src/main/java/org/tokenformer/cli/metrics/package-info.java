/**
 * How a run goes, kept in its folder: a line of JSON for each step, the same as an Arrow table, and
 * a chart. Only this package draws: whatever loads AWT is reached from {@link
 * org.tokenformer.cli.metrics.LossChart} alone.
 */
@NullMarked
package org.tokenformer.cli.metrics;

import org.jspecify.annotations.NullMarked;
