package org.tokenformer.tokenizer;

import java.io.IOException;

/**
 * A file that is not a tokenizer of the kind read here, or not a well-formed one. The message is
 * one line: the file, the field, its value, and what to do. An {@link IOException}, because a
 * caller who loads files handles those anyway.
 */
public final class TokenizerException extends IOException {
  private static final long serialVersionUID = 1L;

  TokenizerException(String message) {
    super(message);
  }

  TokenizerException(String message, Throwable cause) {
    super(message, cause);
  }
}
