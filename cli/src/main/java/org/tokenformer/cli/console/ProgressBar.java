package org.tokenformer.cli.console;

/** Shows the progress and the remaining time of a task on a {@link StatusLine}. */
public final class ProgressBar implements AutoCloseable {
  private static final int BAR_WIDTH = 24;

  private final StatusLine line;
  private final String label;
  private final long total;
  private final String unit;
  private volatile long done;

  /**
   * Creates a progress bar.
   *
   * @param total total units, or 0 if unknown
   * @param unit such as "tokens", or "B" for bytes
   */
  ProgressBar(StatusLine line, String label, long total, String unit) {
    this.line = line;
    this.label = label;
    this.total = total;
    this.unit = unit;
  }

  /** Reports the number of units done since the start. */
  public void update(long unitsDone) {
    done = unitsDone;
    line.update(() -> line.live() ? label + " " + bar() + status() : label + ": " + status());
  }

  /** Ends with one line that gives the units done and the time taken. */
  @Override
  public void close() {
    line.close(() -> {
      boolean part = total > 0 && done < total;
      String amount = part ? amount(done) + "/" + amount(total) : amount(done);
      return label + ": " + amount + unitAfter() + " in " + Amount.duration(line.seconds());
    });
  }

  private String bar() {
    if (total <= 0) {
      return "";
    }
    int filled = (int) (BAR_WIDTH * fraction());
    return "[" + "=".repeat(filled) + " ".repeat(BAR_WIDTH - filled) + "] ";
  }

  private String status() {
    double seconds = line.seconds();
    if (total <= 0) {
      return amount(done) + unitAfter() + ", " + Amount.duration(seconds);
    }
    String status =
        "%d %% (%s/%s%s)"
            .formatted((int) (100 * fraction()), amount(done), amount(total), unitAfter());
    if (done <= 0) {
      return status;
    }
    double left = seconds * (1 - fraction()) / fraction();
    return status + ", " + Amount.duration(left) + " left";
  }

  private double fraction() {
    return Math.clamp((double) done / total, 0.0, 1.0);
  }

  private String amount(long units) {
    return unit.equals("B") ? Amount.bytes(units) : Amount.count(units);
  }

  /** Returns the unit to append: none for bytes ("12.3 MB"), else as in "12.3M tokens". */
  private String unitAfter() {
    return unit.equals("B") ? "" : " " + unit;
  }
}
