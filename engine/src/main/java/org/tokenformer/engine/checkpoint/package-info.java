/**
 * Reads and writes checkpoint files: safetensors and the zip format of {@code torch.save}.
 *
 * <p>Reading has three separate steps: parse, validate everything, provide views. The result is a
 * list of {@link org.tokenformer.engine.checkpoint.NamedTensor}s over memory that the open file
 * owns; this package does not know what they are used for. Files are untrusted: sizes are limited
 * before anything is allocated, arithmetic is checked, a pickle is read with an allow-list and
 * never executed. Bad input causes a {@link org.tokenformer.engine.checkpoint.CheckpointException}
 * with one line that names the file, the location in it and the conflicting values; an {@code open}
 * method throws no other exception.
 *
 * <p>Writing goes through {@link org.tokenformer.engine.checkpoint.AtomicFiles}: a file or folder
 * appears under its name complete and synced, or not at all.
 */
@NullMarked
package org.tokenformer.engine.checkpoint;

import org.jspecify.annotations.NullMarked;
