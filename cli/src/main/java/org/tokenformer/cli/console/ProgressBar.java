package org.tokenformer.cli.console;

import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * How far a long task is, with the time left. On a terminal one line that is drawn again at most
 * ten times a second; elsewhere a plain line every ten seconds and one at the end, so that logs
 * stay readable. Safe to update from several threads; an update between drawings costs a clock
 * reading.
 */
public final class ProgressBar implements AutoCloseable {
  private static final long SECOND = 1_000_000_000L;
  private static final long LIVE_INTERVAL = SECOND / 10;
  private static final long PLAIN_INTERVAL = 10 * SECOND;
  private static final int BAR_WIDTH = 24;
  private static final String CLEAR_LINE = "\r\033[K";

  private final Consumer<String> out;
  private final boolean live;
  private final LongSupplier nanoTime;
  private final String label;
  private final long total;
  private final String unit;
  private final long started;

  private long done;
  private long nextDrawing;
  private boolean lineOpen;
  private boolean closed;

  /**
   * @param out takes text as it is; the bar writes its own line ends
   * @param live whether {@code out} is a terminal that understands carriage returns
   * @param total units in all, or 0 when unknown
   * @param unit such as "tokens", or "B" for bytes
   */
  ProgressBar(
      Consumer<String> out,
      boolean live,
      LongSupplier nanoTime,
      String label,
      long total,
      String unit) {
    this.out = out;
    this.live = live;
    this.nanoTime = nanoTime;
    this.label = label;
    this.total = total;
    this.unit = unit;
    this.started = nanoTime.getAsLong();
    this.nextDrawing = started + (live ? LIVE_INTERVAL : PLAIN_INTERVAL);
  }

  /** Says how many units are done since the start. */
  public synchronized void update(long unitsDone) {
    done = unitsDone;
    long now = nanoTime.getAsLong();
    if (closed || now - nextDrawing < 0) {
      return;
    }
    nextDrawing = now + (live ? LIVE_INTERVAL : PLAIN_INTERVAL);
    draw(now);
  }

  /**
   * Removes the line from the terminal, so that another may be printed; the next update redraws.
   */
  synchronized void clear() {
    if (lineOpen) {
      out.accept(CLEAR_LINE);
      lineOpen = false;
    }
  }

  /** Leaves one line that says what was done and how long it took. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    clear();
    double seconds = (nanoTime.getAsLong() - started) / (double) SECOND;
    String amount = total > 0 && done < total ? amount(done) + "/" + amount(total) : amount(done);
    out.accept(label + ": " + amount + unitAfter() + " in " + duration(seconds) + "\n");
  }

  private void draw(long now) {
    double seconds = (now - started) / (double) SECOND;
    if (live) {
      out.accept(CLEAR_LINE + label + " " + bar() + status(seconds));
      lineOpen = true;
    } else {
      out.accept(label + ": " + status(seconds) + "\n");
    }
  }

  private String bar() {
    if (total <= 0) {
      return "";
    }
    int filled = (int) (BAR_WIDTH * fraction());
    return "[" + "=".repeat(filled) + " ".repeat(BAR_WIDTH - filled) + "] ";
  }

  private String status(double seconds) {
    if (total <= 0) {
      return amount(done) + unitAfter() + ", " + duration(seconds);
    }
    String status =
        "%d %% (%s/%s%s)"
            .formatted((int) (100 * fraction()), amount(done), amount(total), unitAfter());
    if (done <= 0) {
      return status;
    }
    double left = seconds * (1 - fraction()) / fraction();
    return status + ", " + duration(left) + " left";
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

  private static String duration(double seconds) {
    if (seconds < 10) {
      return String.format(Locale.ROOT, "%.1f s", seconds);
    }
    long whole = Math.round(seconds);
    if (whole < 60) {
      return whole + " s";
    }
    if (whole < 3600) {
      return whole / 60 + " min " + whole % 60 + " s";
    }
    return whole / 3600 + " h " + whole / 60 % 60 + " min";
  }
}
