package org.tokenformer.engine.model.training;

import java.util.Locale;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;

/**
 * How loud the values of the Pattentions are when training starts.
 *
 * @param kind how the standard deviation hangs on the model's sizes
 * @param factor times that
 */
public record InitialValues(Kind kind, double factor) {
  /** {@link Kind#SCALED} as it is. */
  public static final InitialValues SCALED = new InitialValues(Kind.SCALED, 1);

  /** {@link Kind#RELEASED} as it is. */
  public static final InitialValues RELEASED = new InitialValues(Kind.RELEASED, 1);

  /** Checks the factor. */
  public InitialValues {
    if (!(factor > 0 && factor <= 1000)) {
      throw ConfigException.notAllowed("value_scale", factor, "above 0 and at most 1000");
    }
  }

  /** How the standard deviation hangs on the model's sizes. */
  public enum Kind {
    /**
     * N(0, 0.02/√(2L)): the residual stream, to which 2L branches add, begins as loud at every
     * depth.
     */
    SCALED,
    /** N(0, 2/(L·√C)), as the released models began; too loud at few layers. */
    RELEASED;

    /** As files call it. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Of every value's numbers. */
  public double standardDeviation(TokenFormerConfig config) {
    int layers = config.layers().size();
    return factor
        * switch (kind) {
          case SCALED -> RandomWeights.STANDARD_DEVIATION / Math.sqrt(2.0 * layers);
          case RELEASED -> 2 / (layers * Math.sqrt((double) config.hiddenSize()));
        };
  }
}
