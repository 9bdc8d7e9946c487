package org.tokenformer.engine.grow;

/** How new parameter tokens are initialised. */
public enum GrowthInit {
  /**
   * Zero-initialised keys, random values, unchanged τ: the score of a new token is 0, so neither
   * the norm nor any other θ changes, and its own θ is gelu(0) = 0. Since gelu'(0) = ½, its key
   * gets a gradient immediately. Exact for both gelu kinds; not possible for {@code softmax}, where
   * exp(0) = 1 is added to the sum.
   */
  ZERO("zero"),

  /**
   * Whole multiples of the tokens: every key is copied, and its value is split at random among the
   * copies. ‖s‖₂ grows by the same factor as √N and ‖exp(s)‖₁ by the same factor as N, so τ is
   * scaled with them; a default τ stays the default. Exact for every kind.
   */
  SPLIT("split"),

  /**
   * As in the released training code: all new tokens are random and τ is the default for the new
   * number. This changes what the model computes considerably.
   */
  RELEASED("released");

  private final String optionName;

  GrowthInit(String optionName) {
    this.optionName = optionName;
  }

  /** Returns its name on the command line and in files. */
  @Override
  public String toString() {
    return optionName;
  }
}
