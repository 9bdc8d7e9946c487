package org.tokenformer.bench.growth;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reads the {@code metrics.jsonl} of a run: one line per step and one per validation. */
final class MetricsLines {
  private static final double PETA = 1e15;

  private final List<Point> points = new ArrayList<>();
  private long tokens;
  private double petaflops;
  private double seconds;

  private MetricsLines() {}

  /**
   * Reads a whole file.
   *
   * @throws StudyException naming the first invalid line
   */
  static List<Point> read(Path file) throws IOException {
    MetricsLines lines = new MetricsLines();
    int number = 0;
    for (String line : Files.readAllLines(file)) {
      number++;
      try {
        lines.accept(JsonParser.parseString(line).getAsJsonObject());
      } catch (JsonParseException | IllegalStateException | NumberFormatException e) {
        throw new StudyException(
            "%s: line %d is not a valid line of metrics: %s"
                .formatted(file, number, e.getMessage()),
            e);
      }
    }
    return lines.points;
  }

  private void accept(JsonObject line) {
    int step = (int) number(line, "step");
    if (line.has("valid_loss")) {
      if (points.isEmpty() || points.getLast().step() != step) {
        throw new IllegalStateException("validation without a step");
      }
      points.add(points.removeLast().validated(number(line, "valid_loss")));
      return;
    }
    long tokensNow = (long) number(line, "tokens");
    petaflops += number(line, "flops") / PETA;
    seconds += (tokensNow - tokens) / number(line, "tokens_per_second");
    tokens = tokensNow;
    long parameters = (long) number(line, "parameters");
    double smoothed = number(line, "smoothed");
    points.add(new Point(step, parameters, petaflops, seconds, smoothed, Double.NaN));
  }

  private static double number(JsonObject line, String name) {
    JsonElement value = line.get(name);
    if (value == null || !value.isJsonPrimitive()) {
      throw new IllegalStateException(name + " is not a number");
    }
    return value.getAsDouble();
  }
}
