package org.tokenformer.engine.train;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.files.Fields;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.TrainingShape;

/**
 * Where a run stood when it was saved, as a JSON object: numbers are written so that they are read
 * back to the bit.
 *
 * @param dataSize ids of the training data
 * @param dataFingerprint {@link Fingerprint} of the training data
 */
record SavedState(
    Progress progress, TrainingOptions options, long dataSize, String dataFingerprint) {
  private static final int FORMAT = 2;

  String toJson() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("format", FORMAT);
    fields.put("step", progress.step());
    fields.put("tokens", progress.tokens());
    fields.put("epoch", progress.place().epoch());
    fields.put("window", progress.place().window());
    fields.put("losses", progress.trend().count());
    fields.put("smoothed_loss", progress.trend().smoothed());
    fields.put("lowest_loss", progress.trend().lowest());
    fields.put("high_losses", progress.trend().high());
    fields.put("data_tokens", dataSize);
    fields.put("data_sha256", dataFingerprint);
    Schedule schedule = options.schedule();
    fields.put("steps", schedule.steps());
    fields.put("warmup", schedule.warmup());
    fields.put("lr", schedule.learningRate());
    fields.put("min_lr", schedule.minLearningRate());
    fields.put("batch", options.shape().batch());
    fields.put("sequence", options.shape().sequence());
    fields.put("recompute", options.shape().recompute());
    fields.put("accumulate", options.accumulate());
    fields.put("beta1", options.optimizer().beta1());
    fields.put("beta2", options.optimizer().beta2());
    fields.put("epsilon", options.optimizer().epsilon());
    fields.put("weight_decay", options.optimizer().weightDecay());
    fields.put("clip", options.optimizer().clip());
    fields.put("dropout", options.dropout());
    fields.put("nested", options.nested());
    fields.put("seed", Long.toString(options.seed())); // more digits than JSON's readers keep
    fields.put("growths", progress.growths());
    GrowthOptions growth = options.growth();
    fields.put("grow_at", growth.stages().stream().map(GrowthOptions.Stage::toString).toList());
    fields.put("grow_init", growth.init().toString());
    fields.put("grow_warmup", growth.warmup());
    fields.put("freeze_old", growth.freezeOld());
    fields.put("init", growth.values().kind().toString());
    fields.put("value_scale", growth.values().factor());
    Gson gson = new GsonBuilder().setPrettyPrinting().create();
    return gson.toJson(fields) + "\n";
  }

  static SavedState read(Path file) throws IOException {
    Fields fields = Fields.of(file);
    if (fields.integer("format") != FORMAT) {
      throw fields.problem(
          "format", fields.integer("format") + " is not " + FORMAT + ": another version wrote it");
    }
    LossTrend trend =
        new LossTrend(
            fields.whole("losses"),
            fields.number("smoothed_loss"),
            fields.number("lowest_loss"),
            fields.integer("high_losses"));
    WindowSampler.Place place =
        new WindowSampler.Place(fields.whole("epoch"), fields.whole("window"));
    int growths = fields.integer("growths");
    Progress progress =
        new Progress(fields.integer("step"), fields.whole("tokens"), place, trend, growths);
    TrainingOptions options = options(fields);
    check(fields, progress, options);
    return new SavedState(
        progress, options, fields.whole("data_tokens"), fields.text("data_sha256"));
  }

  private static void check(Fields fields, Progress progress, TrainingOptions options)
      throws ModelFormatException {
    Schedule schedule = options.schedule();
    WindowSampler.Place place = progress.place();
    LossTrend trend = progress.trend();
    if (Math.min(progress.step(), progress.tokens()) < 0
        || progress.growths() < 0
        || Math.min(place.epoch(), place.window()) < 0
        || Math.min(trend.count(), trend.high()) < 0) {
      throw new ModelFormatException(fields.file() + ": counts less than nothing: " + progress);
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
      return new TrainingOptions(
          new Schedule(
              fields.integer("steps"),
              fields.integer("warmup"),
              fields.number("lr"),
              fields.number("min_lr")),
          new TrainingShape(
              fields.integer("batch"), fields.integer("sequence"), fields.flag("recompute", false)),
          fields.integer("accumulate"),
          new OptimizerOptions(
              fields.number("beta1"),
              fields.number("beta2"),
              fields.number("epsilon"),
              fields.number("weight_decay"),
              fields.number("clip")),
          fields.number("dropout"),
          fields.number("nested"),
          seed(fields),
          growth(fields));
    } catch (ConfigException e) {
      throw ModelFormatException.of(fields.file(), e);
    }
  }

  private static GrowthOptions growth(Fields fields) throws ModelFormatException {
    List<GrowthOptions.Stage> stages = new ArrayList<>();
    for (String stage : fields.texts("grow_at")) {
      stages.add(GrowthOptions.Stage.parse(stage));
    }
    InitialValues.Kind kind = fields.oneOf("init", InitialValues.Kind.values());
    return new GrowthOptions(
        stages,
        fields.oneOf("grow_init", GrowthInit.values()),
        new InitialValues(kind, fields.number("value_scale")),
        fields.integer("grow_warmup"),
        fields.flag("freeze_old", false));
  }

  private static long seed(Fields fields) throws ModelFormatException {
    try {
      return Long.parseLong(fields.text("seed"));
    } catch (NumberFormatException e) {
      throw fields.problem("seed", "is not a whole number of 64 bits");
    }
  }
}
