package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;

/**
 * Encodes a text as training data: the ids of each document, followed by the end-of-text id.
 *
 * <p>A line that is exactly {@code <|endoftext|>} separates documents. The last newline of a
 * document is dropped, and so are empty documents. The ids are the same as for the whole document
 * at once, but are returned in runs, so that memory stays small for a text of any size. A document
 * is a single run if the tokenizer splits words by anything but the GPT-2 pattern or if added
 * tokens may span lines.
 *
 * <p>For one thread at a time.
 *
 * <pre>{@code
 * DocumentEncoder encoder = new DocumentEncoder(tokenizer, lines);
 * while (encoder.next()) {
 *   use(encoder.ids(), encoder.endsDocument());
 * }
 * }</pre>
 */
public final class DocumentEncoder {
  private final Tokenizer tokenizer;
  private final TextLines lines;
  private final int endOfText;
  private final TextDocuments documents;
  private final IntArrayList ids = new IntArrayList();

  /**
   * Creates an encoder for a text.
   *
   * @param lines the text; the caller closes it
   * @throws TokenizerException if the tokenizer has no special token {@code <|endoftext|>}
   */
  public DocumentEncoder(Tokenizer tokenizer, TextLines lines) throws TokenizerException {
    this(tokenizer, lines, TextDocuments.Pieces.of(tokenizer));
  }

  DocumentEncoder(Tokenizer tokenizer, TextLines lines, TextDocuments.Pieces pieces)
      throws TokenizerException {
    this.tokenizer = tokenizer;
    this.lines = lines;
    documents = new TextDocuments(lines, pieces);
    endOfText =
        tokenizer
            .endOfTextId()
            .orElseThrow(() ->
                new TokenizerException(
                    "the tokenizer has no special token "
                        + Tokenizer.END_OF_TEXT
                        + ", which must follow each document; use a tokenizer that has it"));
  }

  /**
   * Advances to the next run of ids; returns false after the last.
   *
   * @throws IOException as {@link TextLines#readLine} does, if more than 128 MiB of the text must
   *     be encoded at once, or if the tokenizer cannot encode it
   */
  public boolean next() throws IOException {
    ids.clear();
    if (!documents.next()) {
      return false;
    }
    try {
      tokenizer.encode(documents.bytes(), documents.length(), ids);
    } catch (IllegalArgumentException e) { // a pattern of the tokenizer file takes too long
      throw new TokenizerException(lines.name() + ": " + e.getMessage(), e);
    }
    if (documents.endsDocument()) {
      ids.add(endOfText);
    }
    return true;
  }

  /** Returns the current run of ids, valid until the next call of {@link #next}. */
  public IntArrayList ids() {
    return ids;
  }

  /** Returns whether the run is the last of its document and thus ends with the end-of-text id. */
  public boolean endsDocument() {
    return documents.endsDocument();
  }

  /** Returns how many bytes of the text have been read. */
  public long bytesRead() {
    return lines.bytesRead();
  }
}
