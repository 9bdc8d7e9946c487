package org.tokenformer.engine.grow;

/** What new parameter tokens begin with. */
public enum GrowthInit {
  /**
   * Keys of zeros, random values, τ as it was: a new token's score is 0, so that neither the norm
   * nor any θ changes and its own θ is gelu(0) = 0, while gelu'(0) = ½ gives its key a gradient at
   * once. Exact for both gelu kinds. Not for {@code softmax}, where exp(0) = 1 joins the sum.
   */
  ZERO("zero"),

  /**
   * Whole multiples of the tokens: every key is copied, its value parted among the copies at
   * random. ‖s‖₂ grows by the same factor as √N, ‖exp(s)‖₁ as N, so that τ grows with them and
   * stays its kind's default where it was. Exact for every kind.
   */
  SPLIT("split"),

  /**
   * As the released training code grows: everything new is random and τ is the default of the new
   * number. The model changes what it computes, by much.
   */
  RELEASED("released");

  private final String optionName;

  GrowthInit(String optionName) {
    this.optionName = optionName;
  }

  /** As the command line and files call it. */
  @Override
  public String toString() {
    return optionName;
  }
}
