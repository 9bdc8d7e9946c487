package org.tokenformer.bench.growth;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The results of a study as small CSV files: {@code sweeps.csv} and one file per run. Costs are
 * cumulative, so rows can be dropped. The rows kept are the first and the last, those with a
 * validation loss, every tenth, and all around a growth.
 */
final class ResultsFolder {
  private static final String CSV = ".csv";
  private static final String SWEEPS = "sweeps" + CSV;
  private static final String SWEEPS_HEAD = "size,learning_rate,scale,valid_loss";
  private static final String CURVE_HEAD = "step,parameters,petaflops,seconds,smoothed,valid_loss";
  private static final int EVERY = 10;
  private static final int BEFORE_GROWTH = 30;
  private static final int AFTER_GROWTH = 60;

  private ResultsFolder() {}

  /** Writes a study into a folder and overwrites files of the same names. */
  static void write(Path folder, Study study) throws IOException {
    Files.createDirectories(folder);
    List<String> sweeps = new ArrayList<>(List.of(SWEEPS_HEAD));
    for (SweepRun run : study.sweeps()) {
      sweeps.add(
          String.join(
              ",", run.size(), number(run.rate()), number(run.scale()), number(run.loss())));
    }
    writeLines(folder.resolve(SWEEPS), sweeps);
    for (RunCurve curve : study.curves()) {
      List<String> rows = new ArrayList<>(List.of(CURVE_HEAD));
      thinned(curve).forEach(point -> rows.add(row(point)));
      writeLines(folder.resolve(curve.name() + CSV), rows);
    }
  }

  private static void writeLines(Path file, List<String> lines) throws IOException {
    Files.writeString(file, String.join("\n", lines) + "\n");
  }

  static List<Point> thinned(RunCurve curve) {
    List<Point> growths = curve.growths();
    return curve.points().stream()
        .filter(point ->
            point.isValidated()
                || point.step() % EVERY == 0
                || point.step() == curve.points().getFirst().step()
                || point.step() == curve.last().step()
                || growths.stream().anyMatch(growth -> isAround(growth.step(), point.step())))
        .toList();
  }

  private static boolean isAround(int growth, int step) {
    return step >= growth - BEFORE_GROWTH && step <= growth + AFTER_GROWTH;
  }

  private static String row(Point point) {
    return "%d,%d,%s,%s,%s,%s"
        .formatted(
            point.step(),
            point.parameters(),
            number(point.petaflops()),
            number(point.seconds()),
            number(point.smoothed()),
            number(point.validLoss()));
  }

  /** Formats a number with seven digits; NaN becomes an empty cell. */
  private static String number(double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%.7g", value);
  }

  /**
   * Reads files written by {@link #write}.
   *
   * @throws StudyException naming the first invalid line
   */
  static Study read(Path folder) throws IOException {
    List<SweepRun> sweeps = new ArrayList<>();
    List<RunCurve> curves = new ArrayList<>();
    for (Path file : Study.list(folder)) {
      String name = file.getFileName().toString();
      if (name.equals(SWEEPS)) {
        sweeps.addAll(
            readRows(
                file,
                SWEEPS_HEAD,
                cells ->
                    new SweepRun(cells[0], number(cells[1]), number(cells[2]), number(cells[3]))));
      } else if (name.endsWith(CSV)) {
        List<Point> points = readRows(file, CURVE_HEAD, ResultsFolder::point);
        String run = name.substring(0, name.length() - CSV.length());
        RunCurve curve = points.isEmpty() ? null : RunCurve.named(run, points);
        if (curve == null) {
          throw new StudyException(file + ": contains no rows, or is not named after a run");
        }
        curves.add(curve);
      }
    }
    return new Study(sweeps, curves);
  }

  private interface RowReader<T> {
    T read(String[] cells);
  }

  private static <T> List<T> readRows(Path file, String head, RowReader<T> reader)
      throws IOException {
    List<String> lines = Files.readAllLines(file);
    if (lines.isEmpty() || !lines.getFirst().equals(head)) {
      throw new StudyException(file + ": does not start with the header " + head);
    }
    List<T> rows = new ArrayList<>();
    for (int i = 1; i < lines.size(); i++) {
      try {
        String[] cells = lines.get(i).split(",", -1);
        if (cells.length != head.split(",", -1).length) {
          throw new NumberFormatException(cells.length + " cells");
        }
        rows.add(reader.read(cells));
      } catch (NumberFormatException e) {
        throw new StudyException(
            "%s: line %d is not a valid row: %s".formatted(file, i + 1, e.getMessage()), e);
      }
    }
    return rows;
  }

  private static Point point(String[] cells) {
    return new Point(
        Integer.parseInt(cells[0]),
        Long.parseLong(cells[1]),
        number(cells[2]),
        number(cells[3]),
        number(cells[4]),
        number(cells[5]));
  }

  private static double number(String cell) {
    return cell.isEmpty() ? Double.NaN : Double.parseDouble(cell);
  }
}
