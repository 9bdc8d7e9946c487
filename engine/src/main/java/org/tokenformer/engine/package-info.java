/**
 * What an embedding program calls: {@link org.tokenformer.engine.LanguageModel} loads a model
 * folder, generates and scores; {@link org.tokenformer.engine.Backends} chooses what it runs on.
 * Ids in, ids out: the tokenizer is a module of its own.
 */
@NullMarked
package org.tokenformer.engine;

import org.jspecify.annotations.NullMarked;
