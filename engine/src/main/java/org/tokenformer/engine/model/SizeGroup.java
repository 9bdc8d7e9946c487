package org.tokenformer.engine.model;

import java.util.Locale;

/** Which Pattentions of a block have the same number of parameter tokens. */
public enum SizeGroup {
  /** Query, key and value. */
  QKV,
  /** The projection of the attention. */
  PROJ,
  /** The feed-forward Pattention. */
  FFN;

  /** As the command line calls it: {@code qkv}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
