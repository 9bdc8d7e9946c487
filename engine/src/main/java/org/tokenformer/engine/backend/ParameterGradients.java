package org.tokenformer.engine.backend;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Accumulators for the gradients of one Pattention's {@link ParameterTokens}, by segment.
 *
 * @param segments as many as the tokens have
 */
public record ParameterGradients(List<Segment> segments) {
  /** Copies the list. */
  public ParameterGradients {
    segments = List.copyOf(segments);
  }

  /**
   * The gradients of one segment; both null for untrained rows, whose computation is then skipped.
   *
   * @param keys (rows in use or more, C), F32
   * @param values (rows in use or more, C'), F32
   */
  public record Segment(@Nullable Tensor keys, @Nullable Tensor values) {
    /** For an untrained segment. */
    public static final Segment FROZEN = new Segment(null, null);

    /** Checks that both are given or neither. */
    public Segment {
      if ((keys == null) != (values == null)) {
        throw new IllegalArgumentException(
            "gradients of keys and values must both be given or both be null");
      }
    }
  }
}
