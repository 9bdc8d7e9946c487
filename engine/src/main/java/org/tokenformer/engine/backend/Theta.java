package org.tokenformer.engine.backend;

/**
 * The modified softmax Θ that turns the scores s of one token against N parameter tokens into
 * weights θ (paper, section 3.2; the names are those of the released configurations).
 */
public enum Theta {
  /** θ = gelu(τ·s/‖s‖₂), all released models. A row whose norm is 0 gives θ = 0. */
  L2_NORM_GELU("l2_norm_gelu"),
  /** θ = τ·gelu(s)/‖gelu(s)‖₂. A row whose norm is 0 gives θ = 0. */
  GELU_L2_NORM("gelu_l2_norm"),
  /** θ = τ·exp(s)/‖exp(s)‖₁. */
  SOFTMAX("softmax");

  private final String configName;

  Theta(String configName) {
    this.configName = configName;
  }

  /** The value of {@code norm_activation_type} in configurations. */
  public String configName() {
    return configName;
  }

  /** The scale τ that a Pattention of this many parameter tokens has unless it says otherwise. */
  public float defaultTau(long parameterTokens) {
    return this == SOFTMAX ? (float) parameterTokens : (float) Math.sqrt((double) parameterTokens);
  }
}
