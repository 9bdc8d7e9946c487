/**
 * Measuring: how well a model predicts given ids, how fast it runs, what the machine can do at
 * most. Stands on all other packages; only the façade and programs stand on it.
 */
@NullMarked
package org.tokenformer.engine.measure;

import org.jspecify.annotations.NullMarked;
