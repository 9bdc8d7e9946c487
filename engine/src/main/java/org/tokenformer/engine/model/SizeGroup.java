package org.tokenformer.engine.model;

import java.util.Locale;

/** A group of Pattentions of a block that have the same number of parameter tokens. */
public enum SizeGroup {
  /** Query, key and value. */
  QKV,
  /** The projection of the attention. */
  PROJ,
  /** The feed-forward Pattention. */
  FFN;

  /** Returns its name on the command line, such as {@code qkv}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
