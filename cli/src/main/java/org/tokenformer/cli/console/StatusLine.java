package org.tokenformer.cli.console;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * A status line of a running task. On a terminal it is redrawn at most ten times a second;
 * otherwise a plain line is printed every ten seconds, which keeps logs readable. Safe for use by
 * several threads; an update that does not draw costs one clock reading.
 */
public final class StatusLine implements AutoCloseable {
  private static final long SECOND = 1_000_000_000L;
  private static final long LIVE_INTERVAL = SECOND / 10;
  private static final long PLAIN_INTERVAL = 10 * SECOND;
  private static final String CLEAR_LINE = "\r\033[K";

  // Lines wider than the terminal are cut off, since a wrapped line could not be redrawn.
  private static final String NO_WRAP = "\033[?7l";
  private static final String WRAP = "\033[?7h";

  private final Consumer<String> out;
  private final boolean live;
  private final int columns;
  private final LongSupplier nanoTime;
  private final long started;
  private long nextDraw;
  private boolean lineOpen;
  private boolean closed;

  /**
   * Creates a status line.
   *
   * @param out receives the text, line separators included
   * @param live whether {@code out} is a terminal that supports carriage returns
   * @param columns width of the terminal
   */
  StatusLine(Consumer<String> out, boolean live, int columns, LongSupplier nanoTime) {
    this.out = out;
    this.live = live;
    this.columns = live ? columns : Integer.MAX_VALUE;
    this.nanoTime = nanoTime;
    started = nanoTime.getAsLong();
    nextDraw = started + (live ? LIVE_INTERVAL : PLAIN_INTERVAL);
  }

  /** Returns whether the line is drawn on a terminal. */
  boolean live() {
    return live;
  }

  /**
   * Joins the parts of a line, in this order, and leaves out what does not fit the terminal: an
   * earlier part is more important than a later one.
   */
  public String fitting(List<String> parts) {
    StringBuilder line = new StringBuilder();
    for (String part : parts) {
      String next = line.isEmpty() ? part : "  " + part;
      if (line.isEmpty() || line.length() + next.length() <= columns) {
        line.append(next);
      }
    }
    return line.toString();
  }

  /** Returns the seconds since the start. */
  double seconds() {
    return (nanoTime.getAsLong() - started) / (double) SECOND;
  }

  /**
   * Updates the line.
   *
   * @param text supplies the text; called only if the line is drawn
   */
  public synchronized void update(Supplier<String> text) {
    long now = nanoTime.getAsLong();
    if (closed || now - nextDraw < 0) {
      return;
    }
    nextDraw = now + (live ? LIVE_INTERVAL : PLAIN_INTERVAL);
    if (live) {
      out.accept(CLEAR_LINE + NO_WRAP + text.get() + WRAP);
      lineOpen = true;
    } else {
      out.accept(text.get() + "\n");
    }
  }

  /**
   * Removes the line from the terminal so that other output can be printed; the next update redraws
   * it.
   */
  synchronized void clear() {
    if (lineOpen) {
      out.accept(CLEAR_LINE);
      lineOpen = false;
    }
  }

  /** Prints a final line in place of the status line, unless closed. */
  synchronized void close(Supplier<String> last) {
    if (!closed) {
      close();
      out.accept(last.get() + "\n");
    }
  }

  /** Removes the line. */
  @Override
  public synchronized void close() {
    clear();
    closed = true;
  }
}
