package org.tokenformer.engine.train;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.files.Fields;
import org.tokenformer.engine.model.files.ModelFormatException;

/**
 * The saved state of a run as a JSON object. Numbers are read back bit-identically.
 *
 * @param dataSize number of ids in the training data
 * @param dataFingerprint {@link Fingerprint} of the training data
 * @param validationLoss measured after the latest step, in nats; NaN if none was
 */
record SavedState(
    Progress progress,
    TrainingOptions options,
    long dataSize,
    String dataFingerprint,
    double validationLoss) {
  private static final int FORMAT = 2;

  // Optional fields, which the first states of this format do not have.
  private static final String MOMENT_STEPS = "moment_steps";
  private static final String VALID_LOSS = "valid_loss";

  String toJson() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("format", FORMAT);
    fields.put("step", progress.step());
    fields.put("tokens", progress.tokens());
    fields.put("epoch", progress.position().epoch());
    fields.put("window", progress.position().window());
    fields.put("losses", progress.trend().count());
    fields.put("smoothed_loss", progress.trend().smoothed());
    fields.put("lowest_loss", progress.trend().lowest());
    fields.put("high_losses", progress.trend().high());
    fields.put("data_tokens", dataSize);
    fields.put("data_sha256", dataFingerprint);
    fields.put(MOMENT_STEPS, progress.momentSteps());
    if (!Double.isNaN(validationLoss)) {
      fields.put(VALID_LOSS, validationLoss);
    }
    for (TrainingOption<?> option : TrainingOption.all()) {
      if (option.equals(TrainingOption.GROW_AT)) {
        fields.put("growths", progress.growths()); // format 2 has it here
      }
      option.write(options, fields);
    }
    Gson gson = new GsonBuilder().setPrettyPrinting().create();
    return gson.toJson(fields) + "\n";
  }

  static SavedState read(Path file) throws IOException {
    Fields fields = Fields.of(file);
    if (fields.integer("format") != FORMAT) {
      throw fields.problem(
          "format",
          fields.integer("format")
              + " is not "
              + FORMAT
              + "; the run was saved by another version, resume it with that one");
    }
    LossTrend trend =
        new LossTrend(
            fields.whole("losses"),
            fields.number("smoothed_loss"),
            fields.number("lowest_loss"),
            fields.integer("high_losses"));
    WindowSampler.Position position =
        new WindowSampler.Position(fields.whole("epoch"), fields.whole("window"));
    int growths = fields.integer("growths");
    int momentSteps = fields.has(MOMENT_STEPS) ? fields.integer(MOMENT_STEPS) : 0;
    Progress progress =
        new Progress(
            fields.integer("step"), fields.whole("tokens"), position, trend, growths, momentSteps);
    TrainingOptions options = options(fields);
    check(fields, progress, options);
    return new SavedState(
        progress,
        options,
        fields.whole("data_tokens"),
        fields.text("data_sha256"),
        fields.number(VALID_LOSS, Double.NaN));
  }

  private static void check(Fields fields, Progress progress, TrainingOptions options)
      throws ModelFormatException {
    Schedule schedule = options.schedule();
    WindowSampler.Position position = progress.position();
    LossTrend trend = progress.trend();
    if (Math.min(progress.step(), progress.tokens()) < 0
        || Math.min(progress.growths(), progress.momentSteps()) < 0
        || Math.min(position.epoch(), position.window()) < 0
        || Math.min(trend.count(), trend.high()) < 0) {
      throw new ModelFormatException(fields.file() + ": has a negative count: " + progress);
    }
    if (options.growth().dueAfter(progress.step()) < progress.growths()) {
      throw fields.problem(
          "growths", progress.growths() + " is more than were due after step " + progress.step());
    }
    if (progress.step() > schedule.steps()) {
      throw fields.problem(
          "step", progress.step() + " is more than the run's " + schedule.steps() + " steps");
    }
  }

  private static TrainingOptions options(Fields fields) throws ModelFormatException {
    try {
      return TrainingChoices.read(fields).options();
    } catch (ConfigException e) {
      throw ModelFormatException.of(fields.file(), e);
    }
  }
}
