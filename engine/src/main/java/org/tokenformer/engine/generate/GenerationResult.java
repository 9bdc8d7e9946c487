package org.tokenformer.engine.generate;

/**
 * The result of a generation.
 *
 * @param promptTokens number of prompt ids
 * @param generatedTokens number of generated ids, without an end id
 * @param finish why the generation ended
 * @param prefillNanos time from the start to the logits at the end of the prompt
 * @param decodeNanos time from those logits to the end
 */
public record GenerationResult(
    int promptTokens, int generatedTokens, Finish finish, long prefillNanos, long decodeNanos) {
  /** Why a generation ended. */
  public enum Finish {
    /** An end id was chosen, or the mask allowed no id. */
    END_OF_TEXT,
    /** The maximum number of ids was generated. */
    MAX_TOKENS,
    /** The session has no free position. */
    CONTEXT_FULL,
    /** The consumer stopped the generation. */
    STOPPED,
    /** The generation was cancelled, or its thread interrupted. */
    CANCELLED
  }
}
