package org.tokenformer.cli.console;

import org.jspecify.annotations.Nullable;

/**
 * Wrong usage or bad input: ends the program with exit code 2 and {@code error: message}. The
 * message is one line that names the problem, the file or option, the value, and what to do.
 */
public final class UserError extends RuntimeException {
  private static final long serialVersionUID = 1;

  public UserError(String message) {
    super(message);
  }

  public UserError(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
