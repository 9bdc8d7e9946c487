/**
 * Generation of ids: {@link org.tokenformer.engine.generate.Sampler} chooses ids from logits,
 * seeded and independent of the model; {@link org.tokenformer.engine.generate.TokenChooser} chooses
 * those of one continuation and determines its end; {@link
 * org.tokenformer.engine.generate.Generation} is the loop around it. This package knows ids, not
 * text: decoding and stop strings are left to the caller, who decides after each id whether to
 * continue.
 */
@NullMarked
package org.tokenformer.engine.generate;

import org.jspecify.annotations.NullMarked;
