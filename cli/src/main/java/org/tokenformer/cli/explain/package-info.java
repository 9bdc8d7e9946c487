/**
 * The page that shows what fired inside a model: reduces the values from {@link
 * org.tokenformer.engine.model.training.ThetaProbe} to what is shown, and creates the HTML. It
 * depends on models, not on tokenizers or options.
 */
@NullMarked
package org.tokenformer.cli.explain;

import org.jspecify.annotations.NullMarked;
