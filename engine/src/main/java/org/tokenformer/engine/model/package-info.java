/**
 * The model, structured as in the paper: {@link org.tokenformer.engine.model.Pattention}, {@link
 * org.tokenformer.engine.model.SelfAttention}, {@link org.tokenformer.engine.model.Block} and
 * {@link org.tokenformer.engine.model.Network} compute; a {@link
 * org.tokenformer.engine.model.TokenFormer} holds the weights, and a {@link
 * org.tokenformer.engine.model.Session} holds one conversation. Ids in, logits out: the package
 * knows nothing of text, sampling, files or training, and uses a backend only through its
 * interface.
 */
@NullMarked
package org.tokenformer.engine.model;

import org.jspecify.annotations.NullMarked;
