package org.tokenformer.cli.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.List;
import org.junit.jupiter.api.Test;

class ProgressBarTest {
  private static final long SECOND = 1_000_000_000L;

  /** Around each drawing: an empty line, and no wrapping. */
  private static final String DRAW = "\r\033[K\033[?7l";

  private static final String DRAWN = "\033[?7h";

  private final StringBuilder out = new StringBuilder();
  private long now = Long.MAX_VALUE - SECOND; // nanoTime may overflow

  private ProgressBar bar(boolean live, long total, String unit) {
    return new ProgressBar(
        new StatusLine(out::append, live, 80, () -> now), "encoding", total, unit);
  }

  @Test
  void drawsOnATerminalAtMostTenTimesASecond() {
    ProgressBar bar = bar(true, 1000, "steps");
    for (int i = 1; i <= 500; i++) {
      now += SECOND / 100;
      bar.update(i);
    }
    long drawings = out.chars().filter(c -> c == '\r').count();
    assertEquals(50, drawings);
    assertEquals(
        DRAW + "encoding [============            ] 50 % (500/1000 steps), 5.0 s left" + DRAWN,
        out.substring(out.lastIndexOf("\r")));
  }

  @Test
  void aLineBetweenDrawingsFindsAnEmptyLine() {
    StatusLine line = new StatusLine(out::append, true, 80, () -> now);
    ProgressBar bar = new ProgressBar(line, "encoding", 10, "steps");
    now += SECOND;
    bar.update(1);
    out.setLength(0);
    line.clear();
    line.clear();
    assertEquals("\r\033[K", out.toString());
  }

  @Test
  void elsewhereAPlainLineEveryTenSeconds() {
    ProgressBar bar = bar(false, 2_000_000_000, "B");
    for (int i = 1; i <= 25; i++) {
      now += SECOND;
      bar.update(i * 40_000_000L);
    }
    bar.close();
    bar.close();
    assertEquals(
        """
        encoding: 20 % (400.0 MB/2.00 GB), 40 s left
        encoding: 40 % (800.0 MB/2.00 GB), 30 s left
        encoding: 1.00 GB/2.00 GB in 25 s
        """,
        out.toString());
    assertFalse(out.toString().contains("\r"));
  }

  @Test
  void aTotalThatIsUnknownOrPassedBreaksNothing() {
    ProgressBar unknown = bar(true, 0, "tokens");
    now += 90 * SECOND;
    unknown.update(12_345);
    unknown.close();
    assertEquals(
        DRAW
            + "encoding 12.3k tokens, 1 min 30 s"
            + DRAWN
            + "\r\033[Kencoding: 12.3k tokens in 1 min 30 s\n",
        out.toString());

    out.setLength(0);
    ProgressBar passed = bar(true, 4, "steps");
    now += 4000 * SECOND;
    passed.update(5);
    passed.close();
    assertEquals(
        DRAW
            + "encoding [========================] 100 % (5/4 steps), 0.0 s left"
            + DRAWN
            + "\r\033[Kencoding: 5 steps in 1 h 6 min\n",
        out.toString());
  }

  @Test
  void partsThatDoNotFitTheTerminalAreLeftOut() {
    List<String> parts = List.of("step 40/120", "1 min 12 s left", "loss 4.5812", "12.3k tok/s");
    assertEquals(
        "step 40/120  1 min 12 s left  loss 4.5812  12.3k tok/s",
        new StatusLine(out::append, true, 54, () -> now).fitting(parts));
    assertEquals(
        "step 40/120  1 min 12 s left  loss 4.5812",
        new StatusLine(out::append, true, 53, () -> now).fitting(parts));
    assertEquals(
        "step 40/120  loss 4.5812",
        new StatusLine(out::append, true, 27, () -> now).fitting(parts));
    assertEquals("step 40/120", new StatusLine(out::append, true, 5, () -> now).fitting(parts));
    assertEquals(
        "step 40/120  1 min 12 s left  loss 4.5812  12.3k tok/s",
        new StatusLine(out::append, false, 5, () -> now).fitting(parts));
  }

  @Test
  void nothingDoneYetHasNoTimeLeft() {
    ProgressBar bar = bar(false, 4, "steps");
    now += 11 * SECOND;
    bar.update(0);
    assertEquals("encoding: 0 % (0/4 steps)\n", out.toString());
  }
}
