package org.tokenformer.bench.growth;

import java.io.IOException;

/** A file that is not what the study writes; one line that names it. */
final class StudyException extends IOException {
  private static final long serialVersionUID = 1;

  StudyException(String message) {
    super(message);
  }

  StudyException(String message, Throwable cause) {
    super(message, cause);
  }
}
