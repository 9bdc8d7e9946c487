package org.tokenformer.engine.grow;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * How much each parameter token of a model adds to what its Pattention puts out: the mean of
 * |θᵢ|·‖Wᵢ‖₂ over the tokens of some text. A parameter token also takes part in the norm of the
 * scores, which this leaves out.
 *
 * @param byPattention of each Pattention by its name, (N)
 */
public record Importance(Map<String, double[]> byPattention) {
  /** Copies the map; the arrays are the caller's to leave alone. */
  public Importance {
    byPattention = Map.copyOf(byPattention);
  }

  /** (N) of one Pattention. */
  public double[] of(String pattention) {
    double[] importance = byPattention.get(pattention);
    if (importance == null) {
      throw new IllegalArgumentException("nothing was measured of " + pattention);
    }
    return importance;
  }

  /** The indices of the most important ones, ascending; of equals the first ones. */
  int[] best(String pattention, int count) {
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
