/**
 * The metrics of a run, stored in its folder: a line of JSON per step, the same data as an Arrow
 * table, and a chart. Only this package draws; nothing outside of it uses AWT.
 */
@NullMarked
package org.tokenformer.cli.metrics;

import org.jspecify.annotations.NullMarked;
