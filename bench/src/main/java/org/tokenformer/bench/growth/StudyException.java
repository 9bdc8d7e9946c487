package org.tokenformer.bench.growth;

import java.io.IOException;

/** Thrown for an invalid file of the study. The message is one line that names it. */
final class StudyException extends IOException {
  private static final long serialVersionUID = 1;

  StudyException(String message) {
    super(message);
  }

  StudyException(String message, Throwable cause) {
    super(message, cause);
  }
}
