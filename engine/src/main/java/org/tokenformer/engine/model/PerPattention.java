package org.tokenformer.engine.model;

import java.util.function.Function;

/** One thing for each Pattention of a block. */
public record PerPattention<T>(T query, T key, T value, T projection, T ffn) {
  /** Made one after the other, in the order of {@link BlockPattention}. */
  public static <T> PerPattention<T> of(Function<BlockPattention, T> maker) {
    return new PerPattention<>(
        maker.apply(BlockPattention.QUERY),
        maker.apply(BlockPattention.KEY),
        maker.apply(BlockPattention.VALUE),
        maker.apply(BlockPattention.PROJECTION),
        maker.apply(BlockPattention.FFN));
  }

  /** That of one Pattention. */
  public T get(BlockPattention which) {
    return switch (which) {
      case QUERY -> query;
      case KEY -> key;
      case VALUE -> value;
      case PROJECTION -> projection;
      case FFN -> ffn;
    };
  }

  /** What becomes of each. */
  public <R> PerPattention<R> map(Function<T, R> change) {
    return of(which -> change.apply(get(which)));
  }
}
