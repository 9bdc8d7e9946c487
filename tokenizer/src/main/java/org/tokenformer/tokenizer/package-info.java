/**
 * Text to ids and back. Knows nothing of models.
 *
 * <p>{@link org.tokenformer.tokenizer.Tokenizer} reads a {@code tokenizer.json} of the byte-level
 * BPE kind (GPT-2, GPT-NeoX, Llama 3, Qwen and their like) and gives the ids that HF tokenizers
 * 0.23 gives; what it does not compute exactly it refuses by name. A text goes through these
 * stages:
 *
 * <ol>
 *   <li>UTF-8; a lone surrogate becomes U+FFFD;
 *   <li>added tokens that are not normalised are cut out of it (leftmost, longest);
 *   <li>what lies between is brought to NFC, if the file says so;
 *   <li>added tokens that are normalised are cut out;
 *   <li>what lies between is parted into words: by the file's own patterns, by the GPT-2 pattern;
 *   <li>each word's bytes are merged, pair by pair, in the order of the ranks.
 * </ol>
 *
 * <p>{@link org.tokenformer.tokenizer.StreamDecoder} turns ids into text as they come, with
 * characters and stop strings that span tokens. {@link org.tokenformer.tokenizer.DocumentEncoder}
 * gives the ids of a whole text, document by document, as models are trained on them. {@link
 * org.tokenformer.tokenizer.BpeTrainer} learns the merges from text, the same and in the same order
 * as HF's trainer.
 *
 * <p>Ids run from 0 to the vocabulary size without a gap. Bad files are reported by {@link
 * org.tokenformer.tokenizer.TokenizerException} in one line; bad arguments by {@link
 * java.lang.IllegalArgumentException}.
 *
 * <p>Letters, numbers and white space are those of the running JDK. JDK 25 has Unicode 16, as HF
 * tokenizers 0.23 does; with another version a word of very new letters may be parted differently.
 */
@NullMarked
package org.tokenformer.tokenizer;

import org.jspecify.annotations.NullMarked;
