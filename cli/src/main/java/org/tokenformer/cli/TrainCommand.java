package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.cli.metrics.MetricsFolder;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.measure.Evaluator;
import org.tokenformer.engine.measure.Machine;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.train.GrowthOptions;
import org.tokenformer.engine.train.RunFolder;
import org.tokenformer.engine.train.SavedRun;
import org.tokenformer.engine.train.Trainer;
import org.tokenformer.engine.train.TrainingOptions;
import org.tokenformer.engine.train.TrainingRun;
import org.tokenformer.tokenizer.TextFiles;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "train",
    description = {
      "Trains a model on texts or datasets.",
      "The sizes of a new model are given by --preset, by --layers, --hidden and --heads, or by a"
          + " preset with some sizes changed. -m starts a new run from the weights of an existing model. --resume"
          + " continues a stopped or killed run bit-identically; -o is all it needs.",
      "The run folder (-o) is a model folder that always holds the latest checkpoint. It also"
          + " contains the checkpoints themselves, the metrics (metrics.jsonl and"
          + " metrics.arrow), and plots of the metrics (train-plot.html and train-plot.png)."
          + " Ctrl-C saves a checkpoint and exits; a second Ctrl-C exits at once."
    })
final class TrainCommand implements Callable<Integer>, OutputGuard.ContinuesFolder {
  private static final String VECTOR_BACKEND = "vector";

  private final Console console;

  @Mixin private RunOptions runOptions = new RunOptions();

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "DIR",
      description = "Run folder.")
  private @Nullable Path output;

  @Option(
      names = "--resume",
      description =
          "Resume the run from the latest checkpoint in the run folder. Its data and options are"
              + " stored there; a larger --steps extends it.")
  private boolean resume;

  @Option(
      names = {"-m", "--model"},
      paramLabel = "DIR",
      description = "Start a new run from the weights of the model in this folder.")
  private @Nullable Path model;

  @Option(
      names = "--moments",
      description =
          "With -m: also take over the optimiser's moments of that run, so that the first steps"
              + " continue where it ended. DIR is a run folder or one of its checkpoints.")
  private boolean moments;

  @Option(
      names = {"-t", "--tokenizer"},
      paramLabel = "FILE",
      description = "Tokenizer of a new model (tokenizer.json).")
  private @Nullable Path tokenizer;

  @Mixin private ModelSizeOptions sizes = new ModelSizeOptions();

  private final TrainingSettings settings = new TrainingSettings();

  @Mixin private ComputeOptions compute = new ComputeOptions();

  private TrainCommand(Console console) {
    this.console = console;
  }

  /** Returns the command with the training options of the engine added. */
  static CommandLine of(Console console) {
    TrainCommand command = new TrainCommand(console);
    CommandLine line = new CommandLine(command);
    command.settings.options().forEach(line.getCommandSpec()::addOption);
    return line;
  }

  @Override
  public Integer call() throws IOException {
    if (moments && model == null) {
      throw new UserError(
          "--moments: has no effect without -m; name a run folder with -m, or omit it");
    }
    try (var interruption = new Interruption()) {
      try {
        RunSettings run;
        RunStart start;
        if (resume) {
          start = resumedRun();
          run = runOptions.resuming(RunSettings.read(folder()), folder());
        } else {
          run = runOptions.settings();
          start = newRun();
        }
        TrainingNeeds needs = start.needs(settings, run.infers());
        long machine = TrainingNeeds.machineBytes();
        needs.check(machine);
        console.note(ModelSummary.line(start.config()) + "; " + needs.line(machine));
        train(start, run, interruption);
      } catch (CancellationException e) {
        console.note("interrupted before the first step");
      }
      return interruption.exitCode();
    }
  }

  /** A resumed run may use files that are in its folder. */
  @Override
  public List<Path> replacedFiles() {
    if (!resume) {
      return List.of();
    }
    return Stream.concat(MetricsFolder.FILES.stream(), Stream.of(RunSettings.FILE))
        .map(folder()::resolve)
        .toList();
  }

  private Path folder() {
    return Objects.requireNonNull(output);
  }

  private RunStart newRun() throws IOException {
    checkOutput();
    Path from = model;
    if (from == null) {
      if (tokenizer == null) {
        throw new UserError(
            "a new model needs a tokenizer: add -t tokenizer.json ('tokenformer train-tokenizer'"
                + " makes one), or continue training a model with -m DIR");
      }
      TokenFormerConfig config = sizes.config(Tokenizer.load(tokenizer).vocabularySize());
      return new RunStart.NewRun(
          config,
          tokenizer,
          settings.growth(config, false),
          backend -> RandomWeights.trainable(config, settings.values(), settings.seed(), backend),
          null);
    }
    List<String> forNewModels = sizes.given();
    if (tokenizer != null) {
      forNewModels.add("-t");
    }
    if (!forNewModels.isEmpty()) {
      throw new UserError(
          "-m continues training a model, but %s is for a new one; omit one of them"
              .formatted(forNewModels.getFirst()));
    }
    return moments ? trainingFrom(checkpoint(from), true) : trainingFrom(from, false);
  }

  /** Returns the checkpoint whose weights a run folder holds, or the folder if it is one itself. */
  private static Path checkpoint(Path from) throws IOException {
    Path latest = RunFolder.latest(from);
    if (latest == null && !RunFolder.isCheckpoint(from)) {
      throw new UserError(
          "-m %s: has no moments, since it is not the folder of a run; omit --moments"
              .formatted(from));
    }
    return latest == null ? from : latest;
  }

  private RunStart trainingFrom(Path from, boolean withMoments) throws IOException {
    TokenFormerConfig config;
    try (ModelFolder opened = ModelFolder.open(from, LoadMode.MAP)) {
      config = opened.config();
    }
    GrowthOptions growth = settings.growth(config, true);
    return new RunStart.NewRun(
        config,
        from.resolve(ModelFolder.TOKENIZER_FILE),
        growth,
        backend -> {
          try (ModelFolder opened = ModelFolder.open(from, LoadMode.MAP)) {
            return TrainableModel.load(opened, backend, growth.trainsOnlyNew(config));
          }
        },
        withMoments ? SavedRun.open(from) : null);
  }

  /** Rejects a folder that holds another run or files that do not belong to a run. */
  private void checkOutput() throws IOException {
    Path folder = folder();
    if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      OutputFile.nearestFolder(folder); // those between are created
      return;
    }
    if (!Files.isDirectory(folder)) {
      throw new UserError(folder + ": exists and is not a folder; choose another name");
    }
    Path last = RunFolder.latest(folder);
    if (last != null) {
      throw new UserError(
          "%s: already contains a run (%s); add --resume to continue it, or choose another folder"
              .formatted(folder, last.getFileName()));
    }
    try (Stream<Path> content = Files.list(folder)) {
      Predicate<String> ownFile =
          name ->
              name.startsWith(".")
                  || name.equals(RunSettings.FILE)
                  || MetricsFolder.FILES.contains(name);
      String foreign =
          content
              .map(file -> file.getFileName().toString())
              .filter(ownFile.negate())
              .sorted()
              .findFirst()
              .orElse(null);
      if (foreign != null) {
        throw new UserError(
            "%s: exists and holds '%s', which does not belong to a run; choose another folder"
                .formatted(folder, foreign));
      }
    }
  }

  private RunStart resumedRun() throws IOException {
    Path last = RunFolder.latest(folder());
    if (last == null) {
      throw new UserError(
          folder() + ": has no checkpoint to resume from; omit --resume to start a new run");
    }
    SavedRun run = SavedRun.open(last);
    if (tokenizer != null && Files.mismatch(tokenizer, run.tokenizer()) >= 0) {
      throw mismatch("-t " + tokenizer + ": is not the tokenizer");
    }
    int ids = run.config().tokenizerVocabularySize();
    if (!sizes.given().isEmpty() && !run.beganWith(sizes.config(ids))) {
      throw mismatch(String.join(", ", sizes.given()) + ": do not match the model");
    }
    if (model != null) {
      try (ModelFolder opened = ModelFolder.open(model, LoadMode.MAP)) {
        if (!run.beganWith(opened.config())) {
          throw mismatch("-m " + model + ": does not match the model");
        }
      }
    }
    return new RunStart.ResumedRun(run);
  }

  private UserError mismatch(String what) {
    return new UserError(
        "%s of the run in %s; omit it to resume the run, or start a new run"
            .formatted(what, folder()));
  }

  private void train(RunStart start, RunSettings run, Interruption interruption)
      throws IOException {
    Tokenizer loaded = ModelOptions.loadTokenizer(start.tokenizer(), start.config());
    List<Path> data = DataFile.paths(run.data());
    List<Path> valid = DataFile.paths(run.valid());
    TextFiles opened = LineEndOption.files(console, run.texts());
    opened.check(Stream.concat(data.stream(), valid.stream()).toList());
    Path file = start.tokenizer();
    try (TokenData trainingData =
            TokenData.open(console, "data", data, opened, loaded, file, interruption);
        TokenData validationData =
            TokenData.open(console, "valid", valid, opened, loaded, file, interruption)) {
      TrainingOptions options = start.options(settings, trainingData.size());
      trainingData.requireWindow(
          "--data", data, options.shape().sequence(), "use more text or a shorter --sequence");
      if (!valid.isEmpty()) {
        validationData.requireContext("--valid", valid, start.config());
      }
      TextSamples samples = samples(run, loaded, trainingData, start.config(), interruption);
      String schedule = start.scheduleNote(settings, options, trainingData.size());
      if (schedule != null) {
        console.note(schedule);
      }
      try (Backend backend = compute.open(console);
          TrainableModel initialModel = start.model(backend);
          Trainer trainer = start.trainer(initialModel, trainingData, options)) {
        run(start, run, trainer, validationData, samples, interruption);
      }
    }
  }

  private static @Nullable TextSamples samples(
      RunSettings run,
      Tokenizer tokenizer,
      TokenData data,
      TokenFormerConfig config,
      Interruption interruption) {
    if (run.sampleEvery() == 0) {
      return null;
    }
    String prompt = run.samplePrompt();
    return prompt == null
        ? TextSamples.of(data, tokenizer, config.contextLength(), interruption)
        : TextSamples.of(prompt, tokenizer, config.contextLength(), interruption);
  }

  private void run(
      RunStart start,
      RunSettings settingsOfRun,
      Trainer trainer,
      TokenData validationData,
      @Nullable TextSamples samples,
      Interruption interruption)
      throws IOException {
    try (RunFolder folder = start.folder(folder(), settingsOfRun.kept())) {
      settingsOfRun.writeIfChanged(folder.path());
      try (TrainingReport report = report(start, settingsOfRun, trainer, folder.path())) {
        if (samples != null) {
          report.showSamples(settingsOfRun.sampleEvery(), () -> samples.line(trainer.model()));
        }
        TrainingRun.Validation validation =
            settingsOfRun.valid().isEmpty()
                ? null
                : new TrainingRun.Validation(
                    (model, cancellation) -> Evaluator.loss(model, validationData, cancellation),
                    settingsOfRun.evalEvery());
        TrainingRun run =
            new TrainingRun(trainer, folder, settingsOfRun.saveEvery(), validation, report);
        report.finish(run.run(interruption));
      }
    }
  }

  private TrainingReport report(RunStart start, RunSettings run, Trainer trainer, Path folder)
      throws IOException {
    Backend backend = trainer.model().backend();
    boolean showsPeak = !console.isQuiet() && backend.name().equals(VECTOR_BACKEND);
    double peak = showsPeak ? Machine.flops(compute.threads()) : 0;
    int steps = trainer.options().schedule().steps();
    MetricsFolder metrics = MetricsFolder.open(folder, start.stepsDone());
    return new TrainingReport(
        console, metrics, folder, start.stepsDone(), steps, peak, run.onSaveError());
  }
}
