package org.tokenformer.engine.backend;

import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Where the gradients of one Pattention's {@link ParameterTokens} are added up, segment for
 * segment.
 *
 * @param segments as many as the tokens have
 */
public record ParameterGradients(List<Segment> segments) {
  /** Copies the list. */
  public ParameterGradients {
    segments = List.copyOf(segments);
  }

  /**
   * The gradients of one segment; both null for rows that are not trained, which saves their work.
   *
   * @param keys (rows in use or more, C), F32
   * @param values (rows in use or more, C'), F32
   */
  public record Segment(@Nullable Tensor keys, @Nullable Tensor values) {
    /** Of a segment that is not trained. */
    public static final Segment FROZEN = new Segment(null, null);

    /** Checks that there are both or none. */
    public Segment {
      if ((keys == null) != (values == null)) {
        throw new IllegalArgumentException("gradients of keys and values come together or not");
      }
    }
  }
}
