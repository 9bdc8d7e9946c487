package org.tokenformer.cli;

/** Run by the launcher, to learn whether the JVM starts with the user's options and limits. */
final class StartCheck {
  private StartCheck() {}

  public static void main(String[] args) {
    System.out.println("the JVM has started");
  }
}
