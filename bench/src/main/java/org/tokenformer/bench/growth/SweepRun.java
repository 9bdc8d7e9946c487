package org.tokenformer.bench.growth;

import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A short run that tries settings.
 *
 * @param size small, middle, large or transformer
 * @param rate highest learning rate
 * @param scale of the first values; NaN for the plain Transformer, which has none
 * @param loss on held-out documents after the last step, in nats; NaN if the run diverged
 */
record SweepRun(String size, double rate, double scale, double loss) {
  private static final Pattern NAME =
      Pattern.compile(
          "sweep-(small|middle|large|transformer)-([0-9.e]+(?:e-\\d+)?)(?:-([0-9.]+))?");

  static final List<String> SIZES = List.of("small", "middle", "large", "transformer");

  /** By size as the study runs them, then rate, then scale. */
  static final Comparator<SweepRun> ORDER =
      Comparator.<SweepRun>comparingInt(run -> SIZES.indexOf(run.size()))
          .thenComparingDouble(SweepRun::rate)
          .thenComparingDouble(SweepRun::scale);

  /** A run by its name, such as {@code sweep-small-0.002-0.5}; null if it is no such name. */
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

  /** Whether another run tried the same. */
  boolean hasSettingsOf(SweepRun other) {
    return ORDER.compare(this, other) == 0;
  }
}
