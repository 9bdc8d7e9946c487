/**
 * Checkpoint files: safetensors and the zip format of {@code torch.save}, read and written.
 *
 * <p>Reading goes in three steps that never mix: parse, validate everything, hand out views. What
 * comes out is a list of {@link org.tokenformer.engine.checkpoint.NamedTensor}s over memory that
 * the open file owns; what they are for is not known here. Files are taken for hostile: sizes are
 * capped before anything is allocated, arithmetic is checked, a pickle is read by an allow-list and
 * never run. Bad input is a {@link org.tokenformer.engine.checkpoint.CheckpointException} with one
 * line that names the file, the place in it and the values that disagree; no other exception leaves
 * an {@code open}.
 *
 * <p>Writing goes through {@link org.tokenformer.engine.checkpoint.AtomicFiles}: a file or folder
 * appears under its name complete and synced, or not at all.
 */
@NullMarked
package org.tokenformer.engine.checkpoint;

import org.jspecify.annotations.NullMarked;
