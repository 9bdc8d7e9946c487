/**
 * Datasets of token ids in the Apache Arrow IPC format, which pyarrow and HF datasets can open: a
 * column {@code input_ids} with a list of ids for each document.
 *
 * <p>{@link org.tokenformer.tokenizer.dataset.DatasetWriter} writes IPC files; {@link
 * org.tokenformer.tokenizer.dataset.TokenDataset} reads IPC files and streams from any writer. Ids
 * are copied directly between {@code int[]} and the file, without Arrow's vectors. Reading copies
 * from the memory-mapped file. Neither needs an allocator, access to JDK internals or JVM options.
 * The metadata is read and built by Arrow's own classes.
 *
 * <p>{@link org.tokenformer.tokenizer.dataset.NumberTable} writes tables of numbers in the same
 * format.
 *
 * <p>{@link org.tokenformer.tokenizer.dataset.TokenFiles} reads texts and datasets as one stream.
 *
 * <p>Only this package uses Arrow, an optional dependency of the module: to use datasets, add
 * {@code org.apache.arrow:arrow-format}; texts alone do not load it. Invalid files are reported by
 * {@link org.tokenformer.tokenizer.dataset.DatasetException} in one line.
 */
@NullMarked
package org.tokenformer.tokenizer.dataset;

import org.jspecify.annotations.NullMarked;
