/**
 * A model's files: its folder ({@link org.tokenformer.engine.model.files.ModelFolder}), its
 * configuration as JSON, the layout of the released checkpoints, conversion of weights to another
 * type, and the {@link org.tokenformer.engine.model.files.ModelLoader} that creates a model from
 * them. Untrusted files are checked here before anything uses them; an error names file, field and
 * value. Of the network, this package knows only its configuration and the names of its tensors.
 */
@NullMarked
package org.tokenformer.engine.model.files;

import org.jspecify.annotations.NullMarked;
