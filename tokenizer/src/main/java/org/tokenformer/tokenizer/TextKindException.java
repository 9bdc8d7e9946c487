package org.tokenformer.tokenizer;

import java.io.IOException;

/**
 * Thrown if a file is not plain text. The message is one line: the file, what it is, and what to
 * do.
 */
public final class TextKindException extends IOException {
  private static final long serialVersionUID = 1L;

  private final boolean readable;

  TextKindException(String message, boolean readable) {
    super(message);
    this.readable = readable;
  }

  /** Returns whether {@link TextRules.Content#ANYTHING} might read the file. */
  public boolean isReadable() {
    return readable;
  }
}
