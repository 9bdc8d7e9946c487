/**
 * The page that shows which parameter tokens of a model fired: reduces the values from {@link
 * org.tokenformer.engine.model.training.ThetaProbe} to what is shown, and creates the HTML. It
 * depends on models, not on tokenizers or options.
 */
@NullMarked
package org.tokenformer.cli.explain;

import org.jspecify.annotations.NullMarked;
