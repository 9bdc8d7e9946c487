package org.tokenformer.engine.model.training;

import java.util.Locale;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;

/**
 * The initialisation scale of the Pattentions' values.
 *
 * @param kind how the standard deviation depends on the model's sizes
 * @param factor factor of that standard deviation
 */
public record InitialValues(Kind kind, double factor) {
  /** {@link Kind#SCALED} with factor 1. */
  public static final InitialValues SCALED = new InitialValues(Kind.SCALED, 1);

  /** {@link Kind#RELEASED} with factor 1. */
  public static final InitialValues RELEASED = new InitialValues(Kind.RELEASED, 1);

  /** Checks the factor. */
  public InitialValues {
    if (!(factor > 0 && factor <= 1000)) {
      throw ConfigException.notAllowed("value_scale", factor, "above 0 and at most 1000");
    }
  }

  /** How the standard deviation depends on the model's sizes. */
  public enum Kind {
    /**
     * N(0, 0.02/√(2L)): keeps the sum of the 2L branches of the residual stream at the same scale
     * for every depth.
     */
    SCALED,
    /** N(0, 2/(L·√C)), as in the released models; too large with few layers. */
    RELEASED;

    /** Returns its name in files. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Returns the standard deviation of the elements of every value. */
  public double standardDeviation(TokenFormerConfig config) {
    int layers = config.layers().size();
    return factor
        * switch (kind) {
          case SCALED -> RandomWeights.STANDARD_DEVIATION / Math.sqrt(2.0 * layers);
          case RELEASED -> 2 / (layers * Math.sqrt((double) config.hiddenSize()));
        };
  }
}
