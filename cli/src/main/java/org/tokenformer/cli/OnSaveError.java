package org.tokenformer.cli;

import java.util.Locale;

/** What a run does if an intermediate checkpoint cannot be written. */
enum OnSaveError {
  CONTINUE,
  STOP;

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
