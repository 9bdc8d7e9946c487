/**
 * Datasets of token ids in Apache Arrow: a column {@code input_ids}, a list of ids for each
 * document, in the IPC format that pyarrow and HF datasets open.
 *
 * <p>{@link org.tokenformer.tokenizer.dataset.DatasetWriter} writes IPC files, {@link
 * org.tokenformer.tokenizer.dataset.TokenDataset} reads IPC files and streams of any writer. Ids go
 * between {@code int[]} and the file without Arrow's vectors in between: reading is a copy out of
 * the mapped file, and neither needs an allocator, access to the JDK's internals, or options for
 * the JVM. The metadata around them is read and built by Arrow's own classes.
 *
 * <p>{@link org.tokenformer.tokenizer.dataset.NumberTable} writes other tables of the same format.
 *
 * <p>{@link org.tokenformer.tokenizer.dataset.TokenFiles} reads texts and datasets as one stream.
 *
 * <p>The only package that sees Arrow, which is an optional dependency of this module: whoever uses
 * datasets adds {@code org.apache.arrow:arrow-format}; for texts alone it is not loaded. Bad files
 * are reported by {@link org.tokenformer.tokenizer.dataset.DatasetException} in one line.
 */
@NullMarked
package org.tokenformer.tokenizer.dataset;

import org.jspecify.annotations.NullMarked;
