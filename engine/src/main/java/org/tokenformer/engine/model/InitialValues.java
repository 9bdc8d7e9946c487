package org.tokenformer.engine.model;

/** How loud the values of the Pattentions are when training starts. */
public enum InitialValues {
  /**
   * N(0, 0.02/√(2L)): the residual stream, to which 2L branches add, begins as loud at every depth.
   */
  SCALED {
    @Override
    double standardDeviation(TokenFormerConfig config) {
      return 0.02 / Math.sqrt(2.0 * config.layers().size());
    }
  },
  /** N(0, 2/(L·√C)), as the released models began; too loud at few layers. */
  RELEASED {
    @Override
    double standardDeviation(TokenFormerConfig config) {
      return 2 / (config.layers().size() * Math.sqrt((double) config.hiddenSize()));
    }
  };

  abstract double standardDeviation(TokenFormerConfig config);
}
