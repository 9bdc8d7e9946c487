package org.tokenformer.cli;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import java.io.BufferedWriter;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.tokenformer.engine.checkpoint.AtomicFiles;
import org.tokenformer.engine.train.TrainingStep;

/**
 * How a run went, as JSON lines: one for each step, and one for each validation with {@code
 * valid_loss}. Every line is on its way to the disk before the next step begins.
 */
final class MetricsLog implements Closeable {
  static final String FILE = "metrics.jsonl";

  private final BufferedWriter out;

  private MetricsLog(BufferedWriter out) {
    this.out = out;
  }

  /**
   * Goes on behind a step: what a killed run has written of the steps after it is dropped.
   *
   * @param stepsDone 0 for a new run
   */
  static MetricsLog open(Path folder, int stepsDone) throws IOException {
    Path file = folder.resolve(FILE);
    StringBuilder kept = new StringBuilder();
    if (Files.exists(file)) {
      for (String line : Files.readAllLines(file, StandardCharsets.ISO_8859_1)) {
        if (step(line) <= stepsDone) {
          kept.append(line).append('\n');
        }
      }
    }
    AtomicFiles.writeText(file, kept.toString());
    return new MetricsLog(
        Files.newBufferedWriter(file, StandardCharsets.UTF_8, StandardOpenOption.APPEND));
  }

  /** Of a line; of one that was cut short, a number beyond any step. */
  private static long step(String line) {
    try {
      return JsonParser.parseString(line).getAsJsonObject().get("step").getAsInt();
    } catch (JsonParseException | IllegalStateException | NullPointerException e) {
      return Long.MAX_VALUE;
    }
  }

  void step(TrainingStep step) throws IOException {
    JsonObject line = new JsonObject();
    line.addProperty("step", step.step());
    line.addProperty("tokens", step.tokens());
    line.addProperty("loss", step.loss());
    line.addProperty("smoothed", step.smoothedLoss());
    line.addProperty("gradient_norm", step.gradientNorm());
    line.addProperty("learning_rate", step.learningRate());
    line.addProperty("tokens_per_second", Math.round(step.tokensPerSecond() * 10) / 10.0);
    write(line);
  }

  void validated(int step, long tokens, double loss) throws IOException {
    JsonObject line = new JsonObject();
    line.addProperty("step", step);
    line.addProperty("tokens", tokens);
    line.addProperty("valid_loss", loss);
    write(line);
  }

  private void write(JsonObject line) throws IOException {
    out.write(line + "\n");
    out.flush();
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
