package org.tokenformer.engine.backend;

import org.tokenformer.engine.error.EngineProblem;

/** Thrown if a {@link CachePool} has reached its limit. The message is one human-readable line. */
public final class CacheFullException extends IllegalStateException implements EngineProblem {
  private static final long serialVersionUID = 1L;

  private final Details details;

  CacheFullException(int pages, long pageBytes, long limit) {
    super(
        ("the cache's limit of %d bytes is reached: %d pages of %d bytes are in use;"
                + " close sessions or raise the limit")
            .formatted(limit, pages, pageBytes));
    String needed = "at least " + (pages + 1) * pageBytes;
    details = new Details("cache_limit", Long.toString(limit), needed);
  }

  @Override
  public Details details() {
    return details;
  }
}
