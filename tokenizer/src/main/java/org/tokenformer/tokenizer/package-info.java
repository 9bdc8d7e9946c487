/**
 * Tokenisation: text to ids and back. Independent of models.
 *
 * <p>{@link org.tokenformer.tokenizer.Tokenizer} reads a byte-level BPE {@code tokenizer.json}
 * (GPT-2, GPT-NeoX, Llama 3, Qwen and similar) and produces the same ids as HF tokenizers 0.23. It
 * rejects a file with any setting that it cannot reproduce exactly, and names the setting. Encoding
 * has these stages:
 *
 * <ol>
 *   <li>the text is encoded as UTF-8; a lone surrogate becomes U+FFFD;
 *   <li>added tokens that are not normalised are extracted (leftmost, longest);
 *   <li>the text between them is normalised to NFC, if the file says so;
 *   <li>added tokens that are normalised are extracted;
 *   <li>the text between them is split into words by the file's own patterns, then by the GPT-2
 *       pattern if the file enables it;
 *   <li>the bytes of each word are merged pair by pair, lowest rank first.
 * </ol>
 *
 * <p>{@link org.tokenformer.tokenizer.StreamDecoder} decodes ids one at a time and handles
 * characters and stop strings that span tokens. {@link org.tokenformer.tokenizer.DocumentEncoder}
 * encodes a whole text, document by document, as training data. {@link
 * org.tokenformer.tokenizer.BpeTrainer} learns the merges from text, the same merges in the same
 * order as HF's trainer.
 *
 * <p>Ids run from 0 to the vocabulary size minus 1 without gaps. Invalid files are reported by
 * {@link org.tokenformer.tokenizer.TokenizerException} in one line, invalid arguments by {@link
 * java.lang.IllegalArgumentException}.
 *
 * <p>Letters, numbers and white space follow the Unicode version of the running JDK. JDK 25 has
 * Unicode 16, like HF tokenizers 0.23; with another version, words with very new letters may be
 * split differently.
 */
@NullMarked
package org.tokenformer.tokenizer;

import org.jspecify.annotations.NullMarked;
