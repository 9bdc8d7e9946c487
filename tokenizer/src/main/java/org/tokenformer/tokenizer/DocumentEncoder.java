package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.io.InputStream;

/**
 * The ids of a text as models are trained on them: those of each document, and behind them the
 * end-of-text id.
 *
 * <p>A line that is exactly {@code <|endoftext|>} parts documents; a document loses its last
 * newline, and an empty one is left out. The ids are those of the whole document, but they come in
 * runs, so that memory stays small for a text of any size. Where the tokenizer does not part words
 * by the GPT-2 pattern alone, or added tokens reach over lines, a document is one run.
 *
 * <p>For one thread.
 *
 * <pre>{@code
 * DocumentEncoder encoder = new DocumentEncoder(tokenizer, in, "tales.txt");
 * while (encoder.next()) {
 *   use(encoder.ids(), encoder.endsDocument());
 * }
 * }</pre>
 */
public final class DocumentEncoder {
  private final Tokenizer tokenizer;
  private final String name;
  private final int endOfText;
  private final TextDocuments documents;
  private final IntArrayList ids = new IntArrayList();

  /**
   * Begins a text.
   *
   * @param in UTF-8; stays the caller's to close
   * @param name what messages call the text
   * @throws TokenizerException if the tokenizer has no special token {@code <|endoftext|>}
   */
  public DocumentEncoder(Tokenizer tokenizer, InputStream in, String name)
      throws TokenizerException {
    this(tokenizer, in, name, TextDocuments.Pieces.of(tokenizer));
  }

  DocumentEncoder(Tokenizer tokenizer, InputStream in, String name, TextDocuments.Pieces pieces)
      throws TokenizerException {
    this.tokenizer = tokenizer;
    this.name = name;
    documents = new TextDocuments(in, name, pieces);
    endOfText =
        tokenizer
            .endOfTextId()
            .orElseThrow(() ->
                new TokenizerException(
                    "the tokenizer has no special token "
                        + Tokenizer.END_OF_TEXT
                        + " to put between documents"));
  }

  /**
   * Goes on to the next run of ids; false after the last.
   *
   * @throws TokenizerException naming the line, if the text is not UTF-8, or if more than 128 MiB
   *     of it have to be encoded at once; or if the tokenizer cannot encode it
   */
  public boolean next() throws IOException {
    ids.clear();
    if (!documents.next()) {
      return false;
    }
    try {
      tokenizer.encode(documents.bytes(), documents.length(), ids);
    } catch (IllegalArgumentException e) { // a pattern of its file takes too long
      throw new TokenizerException(name + ": " + Problems.line(e), e);
    }
    if (documents.endsDocument()) {
      ids.add(endOfText);
    }
    return true;
  }

  /** The run, valid until the next. */
  public IntArrayList ids() {
    return ids;
  }

  /** Whether the run is the last of its document, so that it ends with the end-of-text id. */
  public boolean endsDocument() {
    return documents.endsDocument();
  }

  /** Bytes of the text that have been read. */
  public long bytesRead() {
    return documents.bytesRead();
  }
}
