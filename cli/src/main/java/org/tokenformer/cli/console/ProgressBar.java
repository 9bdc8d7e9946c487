package org.tokenformer.cli.console;

/** How far a long task is, with the time left, on a {@link StatusLine}. */
public final class ProgressBar implements AutoCloseable {
  private static final int BAR_WIDTH = 24;

  private final StatusLine line;
  private final String label;
  private final long total;
  private final String unit;
  private volatile long done;

  /**
   * @param total units in all, or 0 when unknown
   * @param unit such as "tokens", or "B" for bytes
   */
  ProgressBar(StatusLine line, String label, long total, String unit) {
    this.line = line;
    this.label = label;
    this.total = total;
    this.unit = unit;
  }

  /** Says how many units are done since the start. */
  public void update(long unitsDone) {
    done = unitsDone;
    line.update(() -> line.live() ? label + " " + bar() + status() : label + ": " + status());
  }

  /** Leaves one line that says what was done and how long it took. */
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

  /** Bytes bring their unit along, as "12.3 MB"; all else reads "12.3M tokens" or "1234 steps". */
  private String unitAfter() {
    return unit.equals("B") ? "" : " " + unit;
  }
}
