package org.tokenformer.cli.metrics;

import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.metrics.TrainingMetrics.Row;
import org.tokenformer.cli.metrics.TrainingMetrics.Step;
import org.tokenformer.cli.metrics.TrainingMetrics.Validation;

/** Formats and parses rows of the metrics as lines of JSON. */
final class MetricsLine {
  static final String STEP = "step";
  static final String TOKENS = "tokens";
  static final String LOSS = "loss";
  static final String SMOOTHED = "smoothed";
  static final String GRADIENT_NORM = "gradient_norm";
  static final String LEARNING_RATE = "learning_rate";
  static final String TOKENS_PER_SECOND = "tokens_per_second";
  static final String FLOPS = "flops";
  static final String PARAMETERS = "parameters";
  static final String VALID_LOSS = "valid_loss";

  private MetricsLine() {}

  static String of(Row row) {
    JsonObject line = new JsonObject();
    line.addProperty(STEP, row.step());
    line.addProperty(TOKENS, row.tokens());
    switch (row) {
      case Step step -> {
        line.addProperty(LOSS, step.loss());
        line.addProperty(SMOOTHED, step.smoothed());
        line.addProperty(GRADIENT_NORM, step.gradientNorm());
        line.addProperty(LEARNING_RATE, step.learningRate());
        line.addProperty(TOKENS_PER_SECOND, step.tokensPerSecond());
        line.addProperty(FLOPS, step.flops());
        line.addProperty(PARAMETERS, step.parameters());
      }
      case Validation validation -> line.addProperty(VALID_LOSS, validation.loss());
    }
    return line.toString();
  }

  /** Parses a line; returns null for an invalid one, such as the last line of a killed run. */
  static @Nullable Row parse(String line) {
    try {
      JsonObject fields = JsonParser.parseString(line).getAsJsonObject();
      long step = number(fields, STEP).longValue();
      long tokens = number(fields, TOKENS).longValue();
      if (fields.has(VALID_LOSS)) {
        return new Validation(step, tokens, number(fields, VALID_LOSS).doubleValue());
      }
      return new Step(
          step,
          tokens,
          number(fields, LOSS).doubleValue(),
          number(fields, SMOOTHED).doubleValue(),
          number(fields, GRADIENT_NORM).doubleValue(),
          number(fields, LEARNING_RATE).doubleValue(),
          number(fields, TOKENS_PER_SECOND).doubleValue(),
          number(fields, FLOPS).doubleValue(),
          number(fields, PARAMETERS).longValue());
    } catch (JsonParseException | IllegalStateException | NumberFormatException e) {
      return null;
    }
  }

  private static Number number(JsonObject fields, String name) {
    if (!fields.has(name) || !fields.get(name).isJsonPrimitive()) {
      throw new IllegalStateException(name + " is not a number");
    }
    return fields.get(name).getAsBigDecimal();
  }
}
