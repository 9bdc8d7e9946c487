/**
 * More and fewer parameter tokens: growth that keeps what a model computes, packs of tokens that
 * are attached to it, and what undoes it. Works on the tensors of a model and on the row-aligned
 * companions that it is handed, such as an optimiser's moments; knows neither training nor text.
 */
@NullMarked
package org.tokenformer.engine.grow;

import org.jspecify.annotations.NullMarked;
