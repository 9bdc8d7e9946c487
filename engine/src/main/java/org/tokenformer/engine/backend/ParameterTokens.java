package org.tokenformer.engine.backend;

import java.util.ArrayList;
import java.util.List;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The learnable operand of one Pattention: N key and value parameter tokens under one Θ and one τ.
 *
 * <p>They come as an ordered list of segments whose rows follow each other: what growth appends, a
 * pack on a mapped base, a prefix of the tokens, frozen rows or rows of another type are all
 * segments. Norms run over the rows in use of all of them, so that cutting the same rows into other
 * segments changes nothing, to the bit.
 *
 * @param theta Θ
 * @param tau the scale τ in Θ
 * @param segments at least one; all of the same two widths
 */
public record ParameterTokens(Theta theta, float tau, List<Segment> segments) {
  /** Copies the list. */
  public ParameterTokens {
    segments = List.copyOf(segments);
    if (segments.isEmpty()) {
      throw new IllegalArgumentException("parameter tokens without a segment");
    }
    if (!(tau > 0) || Float.isInfinite(tau)) {
      throw new IllegalArgumentException("tau must be positive and finite, not " + tau);
    }
    Segment first = segments.getFirst();
    for (Segment segment : segments) {
      if (segment.keys.columns() != first.keys.columns()
          || segment.values.columns() != first.values.columns()) {
        throw new IllegalArgumentException(
            "segments of different widths: " + first + " and " + segment);
      }
    }
  }

  /** One segment with all its rows in use. */
  public static ParameterTokens of(Theta theta, float tau, Tensor keys, Tensor values) {
    return new ParameterTokens(theta, tau, List.of(Segment.of(keys, values)));
  }

  /** N: parameter tokens in use. */
  public long count() {
    long n = 0;
    for (int i = 0; i < segments.size(); i++) {
      n += segments.get(i).rows;
    }
    return n;
  }

  /**
   * The first of them under the same τ. Segments without any stay, with none in use.
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

  /** C: channels of a key, the width of the input. */
  public long inputChannels() {
    return segments.getFirst().keys.columns();
  }

  /** C': channels of a value, the width of the output. */
  public long outputChannels() {
    return segments.getFirst().values.columns();
  }

  /**
   * Consecutive parameter tokens of one origin.
   *
   * @param keys (rows or more, C), of any type that weights may have
   * @param values (rows or more, C'), likewise
   * @param rows how many of them are in use, from the first on
   * @param trainable false for rows that training leaves as they are: no update, no decay
   */
  public record Segment(Tensor keys, Tensor values, long rows, boolean trainable) {
    /** Checks the rows. */
    public Segment {
      if (rows < 0 || rows > keys.rows() || rows > values.rows()) {
        throw new IllegalArgumentException(
            rows + " rows in use of keys " + keys + " and values " + values);
      }
    }

    /** All rows in use, trainable. */
    public static Segment of(Tensor keys, Tensor values) {
      if (keys.rows() != values.rows()) {
        throw new IllegalArgumentException("keys " + keys + " and values " + values + " differ");
      }
      return new Segment(keys, values, keys.rows(), true);
    }
  }
}
