package org.tokenformer.bench.soak;

/** A result under load that differs from that of the quiet run. */
final class WrongResultException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  WrongResultException(String message) {
    super(message);
  }
}
