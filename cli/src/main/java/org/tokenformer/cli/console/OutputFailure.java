package org.tokenformer.cli.console;

import java.io.IOException;
import java.util.Objects;

/** Thrown if standard output cannot be written: its reader has exited, or the disk is full. */
public final class OutputFailure extends RuntimeException {
  private static final long serialVersionUID = 1;

  OutputFailure(IOException cause) {
    super("standard output: " + cause.getMessage(), cause);
  }

  /** Returns whether the reader of a pipe has exited, as in {@code tokenformer ... | head -1}. */
  public boolean isBrokenPipe() {
    String reason = Objects.requireNonNullElse(Objects.requireNonNull(getCause()).getMessage(), "");
    return reason.contains("Broken pipe") || reason.contains("Connection reset");
  }
}
