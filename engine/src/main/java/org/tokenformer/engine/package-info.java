/**
 * The API for embedding programs: {@link org.tokenformer.engine.LanguageModel} loads a model
 * folder, generates and scores; {@link org.tokenformer.engine.Backends} opens the backend that it
 * runs on. Inputs and outputs are token ids; the tokenizer is a separate module.
 */
@NullMarked
package org.tokenformer.engine;

import org.jspecify.annotations.NullMarked;
