package org.tokenformer.cli.console;

import java.io.IOException;
import java.util.Objects;

/** Standard output cannot be written: the reader has gone, or the disk behind it is full. */
public final class OutputFailure extends RuntimeException {
  private static final long serialVersionUID = 1;

  OutputFailure(IOException cause) {
    super("standard output: " + cause.getMessage(), cause);
  }

  /** Whether the reader of a pipe has gone, as in {@code tokenformer ... | head -1}. */
  public boolean isBrokenPipe() {
    String reason = Objects.requireNonNullElse(Objects.requireNonNull(getCause()).getMessage(), "");
    return reason.contains("Broken pipe") || reason.contains("Connection reset");
  }
}
