package org.tokenformer.bench.growth;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Evaluates the runs of {@code bench/growth/study.sh}: {@code collect OUT RESULTS} adds the results
 * of the runs to a folder of small files, {@code report RESULTS DOCS} writes tables and charts from
 * them.
 */
public final class GrowthStudy {
  private static final String USAGE =
      """
      usage: GrowthStudy collect OUT RESULTS   adds the results of the runs to a folder of small files
             GrowthStudy report RESULTS DOCS   writes tables and charts from them\
      """;

  private GrowthStudy() {}

  /** Exits with 0, or with 2 and a one-line error message. */
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
      fail("error: " + e.getMessage() + ": no such file or folder");
    } catch (IOException e) {
      fail("error: " + e.getMessage());
    }
  }

  private static void fail(String message) {
    System.err.println(message);
    System.exit(2);
  }

  /** Adds runs to those collected before, so that a study can be spread over several machines. */
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
