/**
 * The model as the paper draws it: {@link org.tokenformer.engine.model.Pattention}, {@link
 * org.tokenformer.engine.model.SelfAttention}, {@link org.tokenformer.engine.model.Block}, {@link
 * org.tokenformer.engine.model.TokenFormer}, and a {@link org.tokenformer.engine.model.Session} for
 * each conversation. Ids in, logits out: knows neither text nor sampling, and of a backend only its
 * interface.
 */
@NullMarked
package org.tokenformer.engine.model;

import org.jspecify.annotations.NullMarked;
