/**
 * A page that shows what fired inside a model: what {@link
 * org.tokenformer.engine.model.training.ThetaProbe} saw, reduced to what the page shows, and the
 * page itself. Knows models, neither tokenizers nor options.
 */
@NullMarked
package org.tokenformer.cli.explain;

import org.jspecify.annotations.NullMarked;
