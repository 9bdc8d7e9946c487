package org.tokenformer.engine.generate;

/**
 * How a generation went.
 *
 * @param promptTokens ids of the prompt
 * @param generatedTokens ids that were handed out
 * @param finish why there are no more
 * @param prefillNanos time from the start to the logits at the end of the prompt
 * @param decodeNanos time from there to the end
 */
public record GenerationResult(
    int promptTokens, int generatedTokens, Finish finish, long prefillNanos, long decodeNanos) {
  /** Why a generation ended. */
  public enum Finish {
    /** An id that ends the text was chosen, or the mask let no id come. */
    END_OF_TEXT,
    /** As many as were asked for. */
    MAX_TOKENS,
    /** No position is left in the session. */
    CONTEXT_FULL,
    /** The consumer wanted no more. */
    STOPPED,
    /** The work was cancelled, or its thread interrupted. */
    CANCELLED
  }
}
