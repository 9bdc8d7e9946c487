/**
 * The model as the paper draws it: {@link org.tokenformer.engine.model.Pattention}, {@link
 * org.tokenformer.engine.model.SelfAttention}, {@link org.tokenformer.engine.model.Block} and
 * {@link org.tokenformer.engine.model.Network} compute; a {@link
 * org.tokenformer.engine.model.TokenFormer} has the weights, and a {@link
 * org.tokenformer.engine.model.Session} each conversation. Ids in, logits out: knows neither text
 * nor sampling, neither files nor training, and of a backend only its interface.
 */
@NullMarked
package org.tokenformer.engine.model;

import org.jspecify.annotations.NullMarked;
