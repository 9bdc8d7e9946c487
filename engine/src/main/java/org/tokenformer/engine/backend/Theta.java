package org.tokenformer.engine.backend;

/**
 * The modified softmax Θ, which turns the scores s of one token against N parameter tokens into
 * weights θ (paper, section 3.2; names as in the released configurations).
 */
public enum Theta {
  /** θ = gelu(τ·s/‖s‖₂), used by all released models; θ = 0 if the norm is 0. */
  L2_NORM_GELU("l2_norm_gelu"),
  /** θ = τ·gelu(s)/‖gelu(s)‖₂; θ = 0 if the norm is 0. */
  GELU_L2_NORM("gelu_l2_norm"),
  /** θ = τ·exp(s)/‖exp(s)‖₁. */
  SOFTMAX("softmax");

  private final String configName;

  Theta(String configName) {
    this.configName = configName;
  }

  /** Returns the value of {@code norm_activation_type} in configurations. */
  public String configName() {
    return configName;
  }

  /** Returns the default scale τ of a Pattention with this many parameter tokens. */
  public float defaultTau(long parameterTokens) {
    return this == SOFTMAX ? (float) parameterTokens : (float) Math.sqrt((double) parameterTokens);
  }
}
