package org.tokenformer.bench.growth;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads the log of the plain Transformer's training, with one line per validation:
 *
 * <pre>
 * transformer step 100 params 7.41M train 5.37 valid 5.3753 bits/byte 2.0129 PFLOP 0.009 tok/s 242
 * </pre>
 *
 * <p>{@code tok/s} is the mean over all steps so far, including validations. The logged PFLOP are
 * rounded coarsely and exclude attention, so operations are counted here, as the engine counts its
 * own.
 */
final class TransformerLog {
  private static final Pattern LINE =
      Pattern.compile(
          "transformer step (\\d{1,9}) params ([0-9.]+)M .*\\bvalid ([0-9.]+|nan|inf) .*"
              + "\\btok/s ([0-9.]+).*");

  private static final int LAYERS = 8;
  private static final int CHANNELS = 256;
  private static final int SEQUENCE = 256;
  private static final int TOKENS_PER_STEP = 8 * SEQUENCE;

  private TransformerLog() {}

  /**
   * Reads a whole file.
   *
   * @return a point for each validation, without training loss
   * @throws StudyException if there is none
   */
  static List<Point> read(Path file) throws IOException {
    List<Point> points = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      Matcher fields = LINE.matcher(line);
      if (fields.matches()) {
        points.add(point(fields));
      }
    }
    if (points.isEmpty()) {
      throw new StudyException(file + ": contains no line 'transformer step N params … valid …'");
    }
    return points;
  }

  private static Point point(Matcher fields) {
    int step = Integer.parseInt(fields.group(1));
    long parameters = Math.round(Double.parseDouble(fields.group(2)) * 1e6);
    double loss =
        fields.group(3).matches("[0-9.]+") ? Double.parseDouble(fields.group(3)) : Double.NaN;
    double tokens = (double) step * TOKENS_PER_STEP;
    double seconds = tokens / Double.parseDouble(fields.group(4));
    return new Point(
        step, parameters, tokens * flopsPerToken(parameters) / 1e15, seconds, Double.NaN, loss);
  }

  /**
   * Returns 2 operations per parameter in the forward pass and 4 in the backward pass, since the
   * tied embedding is multiplied once, plus three times the 4C of a layer's attention for each
   * visible position.
   */
  static double flopsPerToken(long parameters) {
    double positions = (SEQUENCE + 1) / 2.0;
    return 6.0 * parameters + 3 * 4.0 * LAYERS * CHANNELS * positions;
  }
}
