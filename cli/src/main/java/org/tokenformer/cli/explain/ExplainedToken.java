package org.tokenformer.cli.explain;

/**
 * One token of the text.
 *
 * @param text its characters; none where only a later token completes one
 * @param prompt whether it was given and not written by the model
 * @param probability that the model gave it here; NaN for the first one, of which nothing was asked
 */
public record ExplainedToken(String text, int id, boolean prompt, double probability) {}
