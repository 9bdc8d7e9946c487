package org.tokenformer.tokenizer.dataset;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.tokenformer.tokenizer.io.AtomicFile;

/**
 * Thrown if a file is not a valid dataset of a supported kind, or cannot be written. The message is
 * one line: the file, what is wrong, and what to do.
 */
public final class DatasetException extends IOException {
  private static final long serialVersionUID = 1L;

  DatasetException(Path file, String what) {
    this(file, what, null);
  }

  DatasetException(Path file, String what, @Nullable Throwable cause) {
    super(file + ": " + what, cause);
  }

  /** Returns the exception for a failed write; an exception of this class is returned as it is. */
  static DatasetException cannotWrite(Path file, IOException cause) {
    return cause instanceof DatasetException e
        ? e
        : new DatasetException(file, "cannot write: " + AtomicFile.reason(cause), cause);
  }
}
