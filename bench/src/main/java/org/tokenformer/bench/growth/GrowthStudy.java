package org.tokenformer.bench.growth;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Makes numbers, tables and charts of the runs of {@code bench/growth/study.sh}: {@code collect OUT
 * RESULTS} adds what matters of the runs to a folder of small files, {@code report RESULTS DOCS}
 * makes the page and the pictures of those.
 */
public final class GrowthStudy {
  private static final String USAGE =
      """
      usage: GrowthStudy collect OUT RESULTS   adds the runs' numbers to the small files of a folder
             GrowthStudy report RESULTS DOCS   makes tables and charts of them\
      """;

  private GrowthStudy() {}

  /** Exits with 0, or with 2 and one line about what is wrong. */
  public static void main(String[] args) {
    try {
      if (args.length == 3 && args[0].equals("collect")) {
        collect(Path.of(args[1]), Path.of(args[2]));
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

  /** Runs that were collected before stay, so that a study can be shared by machines. */
  static void collect(Path out, Path results) throws IOException {
    Study before = Files.isDirectory(results) ? ResultsFolder.read(results) : Study.NONE;
    ResultsFolder.write(results, Study.collect(out).joined(before));
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
