package org.tokenformer.bench.growth;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The numbers of a study as tables of comma-separated values, small enough to keep: {@code
 * sweeps.csv}, and one for each run of an arm. Sums over all steps stand in every row, so that rows
 * can be left out: those stay at which the validation loss was measured, every tenth, and all
 * around a growth.
 */
final class ResultsFolder {
  private static final String CSV = ".csv";
  private static final String SWEEPS = "sweeps" + CSV;
  private static final String SWEEPS_HEAD = "size,learning_rate,scale,valid_loss";
  private static final String COURSE_HEAD = "step,parameters,petaflops,seconds,smoothed,valid_loss";
  private static final int EVERY = 10;
  private static final int BEFORE_GROWTH = 30;
  private static final int AFTER_GROWTH = 60;

  private ResultsFolder() {}

  /** Writes a study into a folder, over what is there of it. */
  static void write(Path folder, Study study) throws IOException {
    Files.createDirectories(folder);
    List<String> sweeps = new ArrayList<>(List.of(SWEEPS_HEAD));
    for (SweepRun run : study.sweeps()) {
      sweeps.add(
          String.join(
              ",", run.size(), number(run.rate()), number(run.scale()), number(run.loss())));
    }
    writeLines(folder.resolve(SWEEPS), sweeps);
    for (RunCurve course : study.courses()) {
      List<String> rows = new ArrayList<>(List.of(COURSE_HEAD));
      thinned(course).forEach(point -> rows.add(row(point)));
      writeLines(folder.resolve(course.name() + CSV), rows);
    }
  }

  private static void writeLines(Path file, List<String> lines) throws IOException {
    Files.writeString(file, String.join("\n", lines) + "\n");
  }

  static List<Point> thinned(RunCurve course) {
    List<Point> growths = course.growths();
    return course.points().stream()
        .filter(point ->
            point.isValidated()
                || point.step() % EVERY == 0
                || point.step() == course.points().getFirst().step()
                || point.step() == course.last().step()
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

  /** With seven digits; nothing for NaN. */
  private static String number(double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%.7g", value);
  }

  /**
   * Reads what {@link #write} has written.
   *
   * @throws StudyException naming the line that is none
   */
  static Study read(Path folder) throws IOException {
    List<SweepRun> sweeps = new ArrayList<>();
    List<RunCurve> courses = new ArrayList<>();
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
        List<Point> points = readRows(file, COURSE_HEAD, ResultsFolder::point);
        String run = name.substring(0, name.length() - CSV.length());
        RunCurve course = points.isEmpty() ? null : RunCurve.named(run, points);
        if (course == null) {
          throw new StudyException(file + ": has no rows, or no name of a run");
        }
        courses.add(course);
      }
    }
    return new Study(sweeps, courses);
  }

  private interface RowReader<T> {
    T read(String[] cells);
  }

  private static <T> List<T> readRows(Path file, String head, RowReader<T> reader)
      throws IOException {
    List<String> lines = Files.readAllLines(file);
    if (lines.isEmpty() || !lines.getFirst().equals(head)) {
      throw new StudyException(file + ": does not begin with " + head);
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
            "%s: line %d is no row: %s".formatted(file, i + 1, e.getMessage()), e);
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
