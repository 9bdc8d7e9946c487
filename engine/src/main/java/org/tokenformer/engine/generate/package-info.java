/**
 * From logits to ids: {@link org.tokenformer.engine.generate.Sampler}, outside the model and
 * seeded; {@link org.tokenformer.engine.generate.TokenChooser}, which chooses for one conversation
 * and knows when it ends; and {@link org.tokenformer.engine.generate.Generation}, the loop around
 * it. Knows ids, not words: text that spans ids and stop strings belong to the tokenizer, which is
 * asked only whether to go on.
 */
@NullMarked
package org.tokenformer.engine.generate;

import org.jspecify.annotations.NullMarked;
