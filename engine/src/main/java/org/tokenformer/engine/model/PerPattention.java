package org.tokenformer.engine.model;

import java.util.function.Function;

/** One value for each Pattention of a block. */
public record PerPattention<T>(T query, T key, T value, T projection, T ffn) {
  /** Creates the values in the order of {@link BlockPattention}. */
  public static <T> PerPattention<T> of(Function<BlockPattention, T> factory) {
    return new PerPattention<>(
        factory.apply(BlockPattention.QUERY),
        factory.apply(BlockPattention.KEY),
        factory.apply(BlockPattention.VALUE),
        factory.apply(BlockPattention.PROJECTION),
        factory.apply(BlockPattention.FFN));
  }

  /** Returns the value for one Pattention. */
  public T get(BlockPattention which) {
    return switch (which) {
      case QUERY -> query;
      case KEY -> key;
      case VALUE -> value;
      case PROJECTION -> projection;
      case FFN -> ffn;
    };
  }

  /** Returns the results of applying a function to each value. */
  public <R> PerPattention<R> map(Function<T, R> function) {
    return of(which -> function.apply(get(which)));
  }
}
