package org.tokenformer.tokenizer;

import java.io.IOException;

/**
 * Thrown if a tokenizer or text file is malformed or of an unsupported kind. The message is one
 * line: the file, the field, its value and what to do. An {@link IOException}, because callers that
 * load files handle those anyway.
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
