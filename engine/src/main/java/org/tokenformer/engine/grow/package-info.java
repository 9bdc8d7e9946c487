/**
 * Adds and removes parameter tokens: growth that preserves what a model computes, knowledge packs
 * of tokens that are attached to a model, and shrinking. Works on the tensors of a model and on
 * row-aligned companions such as an optimiser's moments; knows nothing of training or text.
 */
@NullMarked
package org.tokenformer.engine.grow;

import org.jspecify.annotations.NullMarked;
