package org.tokenformer.engine.backend;

import java.util.ArrayList;
import java.util.List;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The learned operand of one Pattention: N key and value parameter tokens with one Θ and one τ.
 *
 * <p>They are an ordered list of segments: tokens appended by growth, a pack on a memory-mapped
 * base, a prefix of the tokens, frozen rows or rows of another type are all segments. Norms are
 * over the rows in use of all segments, so dividing the same rows into other segments gives
 * bit-identical results.
 *
 * @param theta Θ
 * @param tau the scale τ in Θ
 * @param segments at least one; all with the same widths of keys and of values
 */
public record ParameterTokens(Theta theta, float tau, List<Segment> segments) {
  /** Copies the list. */
  public ParameterTokens {
    segments = List.copyOf(segments);
    if (segments.isEmpty()) {
      throw new IllegalArgumentException("segments must not be empty");
    }
    if (!(tau > 0) || Float.isInfinite(tau)) {
      throw new IllegalArgumentException("tau must be positive and finite, not " + tau);
    }
    Segment first = segments.getFirst();
    for (Segment segment : segments) {
      if (segment.keys.columns() != first.keys.columns()
          || segment.values.columns() != first.values.columns()) {
        throw new IllegalArgumentException(
            "segments must have equal widths, not those of " + first + " and " + segment);
      }
    }
  }

  /** Creates parameter tokens with one segment, all of whose rows are in use. */
  public static ParameterTokens of(Theta theta, float tau, Tensor keys, Tensor values) {
    return new ParameterTokens(theta, tau, List.of(Segment.of(keys, values)));
  }

  /** Returns N, the number of parameter tokens in use. */
  public long count() {
    long n = 0;
    for (int i = 0; i < segments.size(); i++) {
      n += segments.get(i).rows;
    }
    return n;
  }

  /**
   * Returns a prefix of the tokens with the same τ. Later segments remain, with no rows in use.
   *
   * @param tokens at most {@link #count}
   */
  public ParameterTokens first(long tokens) {
    List<Segment> first = new ArrayList<>();
    long left = tokens;
    for (Segment segment : segments) {
      long rows = Math.min(left, segment.rows);
      first.add(new Segment(segment.keys, segment.values, rows, segment.trainable));
      left -= rows;
    }
    return new ParameterTokens(theta, tau, first);
  }

  /** Returns C, the channels of a key and the width of the input. */
  public long inputChannels() {
    return segments.getFirst().keys.columns();
  }

  /** Returns C', the channels of a value and the width of the output. */
  public long outputChannels() {
    return segments.getFirst().values.columns();
  }

  /**
   * Consecutive parameter tokens that are stored together.
   *
   * @param keys (rows or more, C), of any weight type
   * @param values (rows or more, C'), likewise
   * @param rows how many rows are in use, starting with the first
   * @param trainable false for rows that training leaves unchanged: no update, no decay
   */
  public record Segment(Tensor keys, Tensor values, long rows, boolean trainable) {
    /** Checks the number of rows. */
    public Segment {
      if (rows < 0 || rows > keys.rows() || rows > values.rows()) {
        throw new IllegalArgumentException(
            "rows must be between 0 and those of keys "
                + keys
                + " and values "
                + values
                + ", not "
                + rows);
      }
    }

    /** Creates a trainable segment with all rows in use. */
    public static Segment of(Tensor keys, Tensor values) {
      if (keys.rows() != values.rows()) {
        throw new IllegalArgumentException(
            "keys and values must have equally many rows, not " + keys + " and " + values);
      }
      return new Segment(keys, values, keys.rows(), true);
    }
  }
}
