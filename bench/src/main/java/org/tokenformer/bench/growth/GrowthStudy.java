package org.tokenformer.bench.growth;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Makes numbers, tables and charts of the runs of {@code bench/growth/study.sh}: {@code collect OUT
 * RESULTS} keeps what matters of the runs as small files, {@code report RESULTS DOCS} makes the
 * page and the pictures of those.
 */
public final class GrowthStudy {
  private static final String USAGE =
      """
      usage: GrowthStudy collect OUT RESULTS   the runs' numbers, as small files
             GrowthStudy report RESULTS DOCS   tables and charts of them\
      """;

  private GrowthStudy() {}

  /** Exits with 0, or with 2 and one line about what is wrong. */
  public static void main(String[] args) {
    try {
      if (args.length == 3 && args[0].equals("collect")) {
        ResultsFolder.write(Path.of(args[2]), Study.collect(Path.of(args[1])));
      } else if (args.length == 3 && args[0].equals("report")) {
        report(ResultsFolder.read(Path.of(args[1])), Path.of(args[2]));
      } else {
        fail(USAGE);
      }
    } catch (NoSuchFileException e) {
      fail("error: " + e.getMessage() + ": is not there");
    } catch (IOException e) {
      fail("error: " + e.getMessage());
    }
  }

  private static void fail(String message) {
    System.err.println(message);
    System.exit(2);
  }

  static void report(Study study, Path docs) throws IOException {
    Files.createDirectories(docs);
    Files.writeString(docs.resolve("results.md"), ResultsPage.of(study));
    Picture flop = new Picture(LossChart.against(study, LossChart.Cost.PETAFLOPS));
    flop.writePng(docs.resolve("loss-against-flop.png"));
    flop.writeSvg(docs.resolve("loss-against-flop.svg"));
    new Picture(LossChart.against(study, LossChart.Cost.MINUTES))
        .writePng(docs.resolve("loss-against-time.png"));
    new Picture(SpikeChart.of(study)).writePng(docs.resolve("spike.png"));
  }
}
