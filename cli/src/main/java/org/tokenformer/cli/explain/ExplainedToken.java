package org.tokenformer.cli.explain;

/**
 * One token of the text.
 *
 * @param text its characters; empty if a later token completes the character
 * @param prompt whether it belongs to the prompt
 * @param probability the probability that the model gave it here; NaN for the first token
 */
public record ExplainedToken(String text, int id, boolean prompt, double probability) {}
