package org.tokenformer.bench.growth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResultsPageTest {
  private static final double NONE = Double.NaN;

  private static final Study STUDY =
      new Study(
          List.of(
              new SweepRun("large", 0.004, 1, 5.4),
              new SweepRun("large", 0.002, 1, 5.5),
              new SweepRun("large", 0.016, 1, NONE)),
          List.of(
              curve(Arm.RELEASED, 3.0, 4.0, 4.8, 5.0),
              curve(Arm.GROWN_ONCE, 3.0, 4.0, 4.02, 4.0),
              curve(Arm.SCRATCH_LARGE, 4.0, 4.0, 3.9, 4.5)));

  /** Two steps with a growth between them, unless from scratch; both steps are validated. */
  private static RunCurve curve(
      Arm arm, double petaflops, double smoothed, double after, double validLoss) {
    long first = arm == Arm.SCRATCH_LARGE ? 9_000_000 : 5_000_000;
    return new RunCurve(
        arm,
        1,
        List.of(
            new Point(1, first, petaflops / 2, 50, smoothed, 6.0),
            new Point(2, 9_000_000, petaflops, 100, after, validLoss)));
  }

  private static void assertHasLine(String line) {
    String page = ResultsPage.of(STUDY);
    assertTrue(page.lines().anyMatch(line::equals), page);
  }

  @Test
  void theBestRunOfASweepIsBold() {
    assertHasLine("| large | 0.004 | 1 | **5.4000** |");
    assertHasLine("| large | 0.002 | 1 | 5.5000 |");
    assertHasLine("| large | 0.016 | 1 | diverged |");
  }

  @Test
  void everyRunHasItsFinalLoss() {
    assertHasLine("| grown once, exact | 1 | 9.00 M | 4.0000 | 3.0000 | 100 |");
  }

  @Test
  void costsAreRelativeToTheLargestSizeFromScratch() {
    // The loss falls from 6 at 1.5 PFLOP to 4 at 3 PFLOP, so it reaches 4.5 at 2.625 of 4 PFLOP.
    assertHasLine("| grown once, exact | 1 | 4.5000 | 2.6250 | 65.6 % |");
    assertHasLine("| grown once, released method | 1 | 4.5000 | – | not reached |");
  }

  @Test
  void risesAreInPercent() {
    assertHasLine("| grown once, exact | 1 | 1 | 4.0000 | 4.0200 | +0.50 % |");
    assertHasLine("| grown once, released method | 1 | 1 | 4.0000 | 4.8000 | +20.00 % |");
  }

  @Test
  void theReportIsAPageAndPictures(@TempDir Path folder) throws Exception {
    GrowthStudy.report(STUDY, folder);
    assertTrue(Files.readString(folder.resolve("results.md")).startsWith("# "));
    for (String name : List.of("loss-against-flop", "loss-against-time", "spike")) {
      byte[] head = Files.readAllBytes(folder.resolve(name + ".png"));
      assertEquals("PNG", new String(head, 1, 3, StandardCharsets.US_ASCII));
    }
    assertTrue(Files.readString(folder.resolve("loss-against-flop.svg")).contains("<svg"));
  }
}
