package org.tokenformer.engine.grow;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * How much each parameter token of a model contributes to the output of its Pattention: the mean of
 * |θᵢ|·‖Wᵢ‖₂ over the tokens of some text. The contribution of a parameter token to the norm of the
 * scores is not counted.
 *
 * @param byPattention importances of each Pattention by its name, (N)
 */
public record Importance(Map<String, double[]> byPattention) {
  /** Copies the map, but not the arrays, which the caller must not change. */
  public Importance {
    byPattention = Map.copyOf(byPattention);
  }

  /** Returns the importances of one Pattention, (N). */
  public double[] of(String pattention) {
    double[] importance = byPattention.get(pattention);
    if (importance == null) {
      throw new IllegalArgumentException("no importance was measured for " + pattention);
    }
    return importance;
  }

  /** Returns the indices of the most important tokens, ascending; among equals the first ones. */
  int[] mostImportant(String pattention, int count) {
    double[] importance = of(pattention);
    return IntStream.range(0, importance.length)
        .boxed()
        .sorted((a, b) -> Double.compare(importance[b], importance[a])) // a stable sort
        .limit(count)
        .mapToInt(Integer::intValue)
        .sorted()
        .toArray();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Importance importance
        && byPattention.keySet().equals(importance.byPattention.keySet())
        && byPattention.entrySet().stream()
            .allMatch(entry ->
                Arrays.equals(entry.getValue(), importance.byPattention.get(entry.getKey())));
  }

  @Override
  public int hashCode() {
    return byPattention.keySet().hashCode();
  }
}
