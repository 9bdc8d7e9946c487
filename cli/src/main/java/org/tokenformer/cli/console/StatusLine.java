package org.tokenformer.cli.console;

import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * One line about a task under way. On a terminal it is drawn again at most ten times a second;
 * elsewhere a plain line comes every ten seconds, so that logs stay readable. Safe to update from
 * several threads; an update between drawings costs a clock reading.
 */
public final class StatusLine implements AutoCloseable {
  private static final long SECOND = 1_000_000_000L;
  private static final long LIVE_INTERVAL = SECOND / 10;
  private static final long PLAIN_INTERVAL = 10 * SECOND;
  private static final String CLEAR_LINE = "\r\033[K";

  // A line that is wider than the terminal is cut: one that wraps could not be drawn again.
  private static final String NO_WRAP = "\033[?7l";
  private static final String WRAP = "\033[?7h";

  private final Consumer<String> out;
  private final boolean live;
  private final LongSupplier nanoTime;
  private final long started;
  private long nextDrawing;
  private boolean lineOpen;
  private boolean closed;

  /**
   * @param out takes text as it is; line ends come from here
   * @param live whether {@code out} is a terminal that understands carriage returns
   */
  StatusLine(Consumer<String> out, boolean live, LongSupplier nanoTime) {
    this.out = out;
    this.live = live;
    this.nanoTime = nanoTime;
    started = nanoTime.getAsLong();
    nextDrawing = started + (live ? LIVE_INTERVAL : PLAIN_INTERVAL);
  }

  /** Whether it is drawn on a terminal. */
  boolean live() {
    return live;
  }

  /** Since the task began. */
  double seconds() {
    return (nanoTime.getAsLong() - started) / (double) SECOND;
  }

  /**
   * Says how things are.
   *
   * @param text asked for it if the line is to be drawn
   */
  public synchronized void update(Supplier<String> text) {
    long now = nanoTime.getAsLong();
    if (closed || now - nextDrawing < 0) {
      return;
    }
    nextDrawing = now + (live ? LIVE_INTERVAL : PLAIN_INTERVAL);
    if (live) {
      out.accept(CLEAR_LINE + NO_WRAP + text.get() + WRAP);
      lineOpen = true;
    } else {
      out.accept(text.get() + "\n");
    }
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

  /** Leaves a last line in place of the others, unless it is closed. */
  synchronized void close(Supplier<String> last) {
    if (!closed) {
      close();
      out.accept(last.get() + "\n");
    }
  }

  /** Leaves nothing. */
  @Override
  public synchronized void close() {
    clear();
    closed = true;
  }
}
