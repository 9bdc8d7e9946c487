/**
 * A model's files: its folder ({@link org.tokenformer.engine.model.files.ModelFolder}), its
 * configuration as JSON, the layout of the released checkpoints, weights in another type, and the
 * {@link org.tokenformer.engine.model.files.ModelLoader} that makes a model of them. Files from
 * strangers are checked here before anything uses them; an error names file, field and value. Knows
 * of the network only its configuration and the names of its tensors.
 */
@NullMarked
package org.tokenformer.engine.model.files;

import org.jspecify.annotations.NullMarked;
