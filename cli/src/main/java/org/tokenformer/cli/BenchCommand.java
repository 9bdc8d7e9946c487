package org.tokenformer.cli;

import com.google.gson.FormattingStyle;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.measure.Machine;
import org.tokenformer.engine.measure.Throughput;
import org.tokenformer.engine.model.Presets;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "bench",
    description = {
      "Measures a model's speed and compares it with this machine's peak performance.",
      "prefill processes a whole prompt at once; decode generates token by token; decode_batch"
          + " decodes one token of several conversations at once; train runs complete training steps. Each"
          + " rate is the median of seven rounds; the spread (±) is half the difference between"
          + " the fastest and the slowest round. GFLOP/s and GB/s count only what the model's"
          + " mathematics requires: weights are read once per pass, and a training step counts"
          + " as three forward passes."
    })
final class BenchCommand implements Callable<Integer> {
  private static final int[] DEFAULT_PROMPTS = {128, 512};
  private static final int[] DEFAULT_DEPTHS = {0, 512};
  private static final int[] DEFAULT_SESSIONS = {4, 16};
  private static final int BATCH_DEPTH = 0;
  private static final int MAX_SESSIONS = 64;
  private static final int DEFAULT_BATCH = 2;
  private static final int DEFAULT_SEQUENCE = 512;
  private static final long SEED = 1;
  private static final String DEFAULT_PRESET = "150M";

  enum Task {
    PREFILL,
    DECODE,
    DECODE_BATCH,
    TRAIN;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  private final Console console;

  @Option(
      names = {"-m", "--model"},
      paramLabel = "DIR",
      description = "Measure the model in this folder.")
  private @Nullable Path folder;

  @Option(
      names = "--preset",
      paramLabel = "NAME",
      description =
          "Measure a model of this size with random weights. Default: 150M. Presets: laptop-7M,"
              + " laptop-15M, 150M, 450M, 900M, 1.5B.")
  private @Nullable String preset;

  @Mixin private ComputeOptions compute = new ComputeOptions();

  @Option(
      names = "--only",
      split = ",",
      paramLabel = "NAME",
      description = "Run only these benchmarks: ${COMPLETION-CANDIDATES}.")
  private List<Task> only = new ArrayList<>();

  @Option(
      names = "--prompt",
      paramLabel = "N",
      description = "Prompt tokens for prefill. Default: 128 and 512.")
  private @Nullable Integer prompt;

  @Option(
      names = "--depth",
      paramLabel = "N",
      description =
          "Tokens already in the context when decoding starts. Default: 0 and 512 for decode, 0 for"
              + " decode_batch.")
  private @Nullable Integer depth;

  @Option(
      names = "--sessions",
      paramLabel = "N",
      description = "Conversations decoded together in decode_batch. Default: 4 and 16.")
  private @Nullable Integer sessions;

  @Option(
      names = "--batch",
      paramLabel = "N",
      description = "Sequences per training step. Default: 2.")
  private int batch = DEFAULT_BATCH;

  @Option(
      names = "--sequence",
      paramLabel = "N",
      description =
          "Tokens per training sequence. Default: 512, or the model's context length if"
              + " shorter.")
  private @Nullable Integer sequence;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      defaultValue = "f32",
      description = "Weight type of the --preset model: ${COMPLETION-CANDIDATES}. Default: f32.")
  private WeightType type = WeightType.F32;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  BenchCommand(Console console) {
    this.console = console;
  }

  private record Field(String name, int value) {}

  /**
   * One measurement.
   *
   * @param sizes the size of the work, human-readable
   * @param fields the same as JSON fields
   */
  private record Result(
      Task task, String sizes, List<Field> fields, Throughput.Measured measured) {}

  @Override
  public Integer call() throws IOException {
    UsageErrors.refuseBoth("-m", folder != null, "--preset", preset != null);
    try (LanguageModel model = open()) {
      String warning = model.warning();
      if (warning != null) {
        console.warn(warning);
      }
      int context = model.config().contextLength();
      int[] prompts = sizes("--prompt", prompt, DEFAULT_PROMPTS, 1, context);
      int[] depths = sizes("--depth", depth, DEFAULT_DEPTHS, 0, context - 1);
      int[] sessionCounts = sizes("--sessions", sessions, DEFAULT_SESSIONS, 1, MAX_SESSIONS);
      TrainingShape shape = trainingShape(model.config());
      boolean trains = canTrain(model.config(), shape);
      console.note("measuring the machine...");
      Machine.Ceilings ceilings =
          MachineFacts.vectorModule() ? Machine.measure(compute.threads()) : null;
      var throughput = new Throughput(model.model());
      List<Result> results = new ArrayList<>();
      for (int size : wanted(Task.PREFILL) ? prompts : new int[0]) {
        console.note("measuring prefill " + size + "...");
        results.add(
            new Result(
                Task.PREFILL,
                "" + size,
                List.of(new Field("prompt", size)),
                throughput.prefill(size)));
      }
      for (int size : wanted(Task.DECODE) ? depths : new int[0]) {
        console.note("measuring decode at " + size + "...");
        results.add(
            new Result(
                Task.DECODE,
                "at " + size,
                List.of(new Field("depth", size)),
                throughput.decode(size)));
      }
      for (int size : wanted(Task.DECODE_BATCH) ? sessionCounts : new int[0]) {
        console.note("measuring decode_batch " + size + "...");
        int at = depth == null ? BATCH_DEPTH : depth;
        results.add(
            new Result(
                Task.DECODE_BATCH,
                "" + size,
                List.of(new Field("sessions", size), new Field("depth", at)),
                throughput.decodeBatch(size, at)));
      }
      if (trains) {
        console.note("measuring train...");
        results.add(train(model, shape));
      }
      if (json) {
        printJson(model, ceilings, results);
      } else {
        printText(model, ceilings, results);
      }
    }
    return 0;
  }

  private TrainingShape trainingShape(TokenFormerConfig config) {
    int context = config.contextLength();
    int length = within("--sequence", sequence, Math.min(DEFAULT_SEQUENCE, context), 1, context);
    return new TrainingShape(batch, length, false);
  }

  /**
   * Returns whether training can be measured. If it cannot, it is skipped, or refused if {@code
   * --only} names it.
   */
  private boolean canTrain(TokenFormerConfig config, TrainingShape shape) throws IOException {
    if (!wanted(Task.TRAIN)) {
      return false;
    }
    if (isQuantized()) {
      return skipTrain(
          folder + ": quantised weights cannot be trained", "leave train out of --only");
    }
    TrainingNeeds needs = TrainingNeeds.of(config, shape, false);
    long machine = TrainingNeeds.machineBytes();
    return needs.fits(machine)
        || skipTrain(needs.tooMuch(machine), "use a smaller --batch or a shorter --sequence");
  }

  private boolean skipTrain(String problem, String advice) {
    if (!only.isEmpty()) {
      throw new UserError(problem + "; " + advice);
    }
    console.note("skipping train: " + problem);
    return false;
  }

  private boolean isQuantized() throws IOException {
    if (folder == null) {
      return false;
    }
    try (ModelFolder opened = ModelFolder.open(folder, LoadMode.MAP)) {
      return opened.isQuantized();
    }
  }

  private Result train(LanguageModel model, TrainingShape shape) throws IOException {
    try (TrainableModel trainable = trainable(model)) {
      return new Result(
          Task.TRAIN,
          shape.batch() + "x" + shape.sequence(),
          List.of(new Field("batch", shape.batch()), new Field("sequence", shape.sequence())),
          Throughput.train(trainable, shape));
    }
  }

  private TrainableModel trainable(LanguageModel model) throws IOException {
    if (folder == null) {
      return RandomWeights.trainable(model.config(), InitialValues.SCALED, SEED, model.backend());
    }
    try (ModelFolder opened = ModelFolder.open(folder, LoadMode.MAP)) {
      return TrainableModel.load(opened, model.backend(), false);
    }
  }

  private boolean wanted(Task task) {
    return only.isEmpty() || only.contains(task);
  }

  private LanguageModel open() throws IOException {
    LanguageModel.Options options = compute.languageModelOptions(LoadMode.MAP);
    if (folder != null) {
      return LanguageModel.load(folder, options);
    }
    TokenFormerConfig config = Presets.get(preset == null ? DEFAULT_PRESET : preset);
    console.note("creating random weights...");
    return LanguageModel.random(config, type, SEED, options);
  }

  /** Returns the given size, or the default sizes, limited to {@code high}. */
  private static int[] sizes(
      String name, @Nullable Integer given, int[] defaults, int low, int high) {
    if (given != null) {
      return new int[] {within(name, given, given, low, high)};
    }
    return Arrays.stream(defaults).map(size -> Math.min(size, high)).distinct().toArray();
  }

  private static int within(
      String name, @Nullable Integer given, int defaultValue, int low, int high) {
    int value = given == null ? defaultValue : given;
    if (value < low || value > high) {
      throw new UserError("%s must be between %d and %d, not %d".formatted(name, low, high, value));
    }
    return value;
  }

  private void printText(
      LanguageModel model, Machine.@Nullable Ceilings ceilings, List<Result> results) {
    Backend backend = model.backend();
    console.out().println(ModelSummary.line(model.config()));
    console.out().println(MachineFacts.cpu() + "; " + backend.description());
    if (ceilings != null) {
      console
          .out()
          .println(
              "machine peak: %s GFLOP/s and %s GB/s (one thread: %s and %s)"
                  .formatted(
                      Amount.rate(ceilings.flops() / 1e9),
                      Amount.rate(ceilings.bytesPerSecond() / 1e9),
                      Amount.rate(ceilings.flopsOneThread() / 1e9),
                      Amount.rate(ceilings.bytesPerSecondOneThread() / 1e9)));
    }
    console.out().println("");
    for (Result result : results) {
      Throughput.Measured measured = result.measured();
      double flops = measured.flopsPerSecond();
      double bytes = measured.bytesPerSecond();
      console
          .out()
          .println(
              "%-18s %8s ± %s tok/s   %8s GFLOP/s%s%s"
                  .formatted(
                      result.task() + " " + result.sizes(),
                      Amount.rate(measured.tokensPerSecond()),
                      Amount.rate(measured.spread()),
                      Amount.rate(flops / 1e9),
                      ceilings == null ? "" : fraction(flops, ceilings.flops()),
                      bytes == 0 ? "" : traffic(bytes, ceilings)));
    }
  }

  private static String traffic(double bytes, Machine.@Nullable Ceilings ceilings) {
    return "   %6s GB/s%s"
        .formatted(
            Amount.rate(bytes / 1e9),
            ceilings == null ? "" : fraction(bytes, ceilings.bytesPerSecond()));
  }

  private static String fraction(double value, double limit) {
    return " (%d %%)".formatted(Math.round(100 * value / limit));
  }

  private void printJson(
      LanguageModel model, Machine.@Nullable Ceilings ceilings, List<Result> results)
      throws IOException {
    var text = new StringWriter();
    try (var out = new JsonWriter(text)) {
      out.setFormattingStyle(FormattingStyle.PRETTY);
      out.beginObject();
      out.name("machine").beginObject();
      MachineFacts.write(out, model.backend(), ceilings);
      out.endObject();
      out.name("model").beginObject();
      out.name("parameters").value(model.config().parameters());
      out.name("weight_bytes").value(model.model().weightBytes());
      out.endObject();
      out.name("results").beginArray();
      for (Result result : results) {
        Throughput.Measured measured = result.measured();
        out.beginObject();
        out.name("name").value(result.task().toString());
        for (Field field : result.fields()) {
          out.name(field.name()).value(field.value());
        }
        out.name("tokens_per_second").value(measured.tokensPerSecond());
        out.name("spread").value(measured.spread());
        out.name("gflops").value(measured.flopsPerSecond() / 1e9);
        if (measured.bytesPerToken() > 0) {
          out.name("gigabytes_per_second").value(measured.bytesPerSecond() / 1e9);
        }
        out.endObject();
      }
      out.endArray();
      out.endObject();
    }
    console.out().println(text.toString());
  }
}
