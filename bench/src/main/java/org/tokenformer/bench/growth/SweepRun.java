package org.tokenformer.bench.growth;

import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A short run of a hyperparameter sweep.
 *
 * @param size small, middle, large or transformer
 * @param rate maximum learning rate
 * @param scale factor on the initialisation scale of values; NaN for the plain Transformer
 * @param loss on held-out documents after the last step, in nats; NaN if the run diverged
 */
record SweepRun(String size, double rate, double scale, double loss) {
  private static final Pattern NAME =
      Pattern.compile(
          "sweep-(small|middle|large|transformer)-([0-9.e]+(?:e-\\d+)?)(?:-([0-9.]+))?");

  static final List<String> SIZES = List.of("small", "middle", "large", "transformer");

  /** Orders by size in the order of the study, then rate, then scale. */
  static final Comparator<SweepRun> ORDER =
      Comparator.<SweepRun>comparingInt(run -> SIZES.indexOf(run.size()))
          .thenComparingDouble(SweepRun::rate)
          .thenComparingDouble(SweepRun::scale);

  /** Returns the run of a name such as {@code sweep-small-0.002-0.5}; null for other names. */
  static @Nullable SweepRun named(String name, double loss) {
    Matcher parts = NAME.matcher(name);
    if (!parts.matches()) {
      return null;
    }
    String scale = parts.group(3);
    return new SweepRun(
        parts.group(1),
        Double.parseDouble(parts.group(2)),
        scale == null ? Double.NaN : Double.parseDouble(scale),
        loss);
  }

  /** Returns whether another run has the same settings. */
  boolean hasSettingsOf(SweepRun other) {
    return ORDER.compare(this, other) == 0;
  }
}
