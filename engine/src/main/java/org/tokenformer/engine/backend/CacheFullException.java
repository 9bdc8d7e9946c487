package org.tokenformer.engine.backend;

import org.tokenformer.engine.error.EngineProblem;

/** The pages of a {@link CachePool} are all held. The message is one line for people. */
public final class CacheFullException extends IllegalStateException implements EngineProblem {
  private static final long serialVersionUID = 1L;

  private final long limit;
  private final long needed;

  CacheFullException(int pages, long pageBytes, long limit) {
    super(
        "the cache's limit of %d bytes is reached: %d pages of %d bytes are held; close sessions, or allow more"
            .formatted(limit, pages, pageBytes));
    this.limit = limit;
    needed = (pages + 1) * pageBytes;
  }

  @Override
  public String field() {
    return "cache_limit";
  }

  @Override
  public String value() {
    return Long.toString(limit);
  }

  @Override
  public String allowed() {
    return "at least " + needed;
  }
}
