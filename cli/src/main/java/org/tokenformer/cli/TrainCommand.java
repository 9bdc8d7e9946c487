package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
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
          + " continues a stopped or killed run bit-identically.",
      "The run folder (-o) is a model folder that always holds the latest checkpoint. It also"
          + " contains the checkpoints themselves, the metrics (metrics.jsonl and"
          + " metrics.arrow), and plots of the metrics (train-plot.html and train-plot.png)."
          + " Ctrl-C saves a checkpoint and exits; a second Ctrl-C exits at once."
    })
final class TrainCommand implements Callable<Integer>, OutputGuard.ContinuesFolder {
  private static final int DEFAULT_INTERVAL = 200;
  private static final int DEFAULT_KEEP = 3;
  private static final String VECTOR_BACKEND = "vector";

  private final Console console;

  @Option(
      names = "--data",
      required = true,
      arity = "1..*",
      paramLabel = "FILE",
      description =
          "Training data: UTF-8 texts, or datasets written by 'tokenformer prepare' or pyarrow.")
  private List<Path> data = new ArrayList<>();

  @Option(
      names = "--valid",
      arity = "1..*",
      paramLabel = "FILE",
      description =
          "Validation data, which is not trained on. Its loss is computed every --eval-every"
              + " steps and after the last one, as by 'tokenformer eval'.")
  private List<Path> valid = new ArrayList<>();

  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "DIR",
      description = "Run folder.")
  private @Nullable Path output;

  @Option(
      names = "--resume",
      description = "Resume the run from the latest checkpoint in the run folder.")
  private boolean resume;

  @Option(
      names = {"-m", "--model"},
      paramLabel = "DIR",
      description = "Start a new run from the weights of the model in this folder.")
  private @Nullable Path model;

  @Option(
      names = {"-t", "--tokenizer"},
      paramLabel = "FILE",
      description = "Tokenizer of a new model (tokenizer.json).")
  private @Nullable Path tokenizer;

  @Mixin private ModelSizeOptions sizes = new ModelSizeOptions();

  private final TrainingSettings settings = new TrainingSettings();

  @Option(
      names = "--save-every",
      paramLabel = "N",
      description = "Steps between checkpoints. Default: 200.")
  private int saveEvery = DEFAULT_INTERVAL;

  @Option(
      names = "--on-save-error",
      paramLabel = "WHAT",
      defaultValue = "continue",
      description =
          "What to do if a checkpoint cannot be written, for example on a full disk:"
              + " ${COMPLETION-CANDIDATES}. continue warns and tries again at the next"
              + " checkpoint; stop ends the run. Earlier checkpoints are kept in both cases. If"
              + " the last checkpoint cannot be written, the run fails. Default: continue.")
  private OnSaveError onSaveError = OnSaveError.CONTINUE;

  @Option(
      names = "--keep",
      paramLabel = "N",
      description = "Number of checkpoints to keep. Default: 3.")
  private int keep = DEFAULT_KEEP;

  @Option(
      names = "--eval-every",
      paramLabel = "N",
      description = "Steps between validations. Default: 200.")
  private int evalEvery = DEFAULT_INTERVAL;

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
    atLeastOne("--save-every", saveEvery);
    atLeastOne("--keep", keep);
    atLeastOne("--eval-every", evalEvery);
    try (var interruption = new Interruption()) {
      try {
        RunStart start = resume ? resumedRun() : newRun();
        TrainingNeeds needs = start.needs(settings, !valid.isEmpty());
        long machine = TrainingNeeds.machineBytes();
        needs.check(machine);
        console.note(ModelSummary.line(start.config()) + "; " + needs.line(machine));
        train(start, interruption);
      } catch (CancellationException e) {
        console.note("interrupted before the first step");
      }
      return interruption.exitCode();
    }
  }

  /** A resumed run may use files that are in its folder. */
  @Override
  public List<Path> replacedFiles() {
    return resume ? MetricsFolder.FILES.stream().map(folder()::resolve).toList() : List.of();
  }

  private static void atLeastOne(String option, int value) {
    if (value < 1) {
      throw new UserError(option + " must be at least 1, not " + value);
    }
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
          backend -> RandomWeights.trainable(config, settings.values(), settings.seed(), backend));
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
        });
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
          name -> name.startsWith(".") || MetricsFolder.FILES.contains(name);
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

  private void train(RunStart start, Interruption interruption) throws IOException {
    Tokenizer loaded = ModelOptions.loadTokenizer(start.tokenizer(), start.config());
    try (TokenData trainingData = open("data", data, loaded, start.tokenizer(), interruption);
        TokenData validationData = open("valid", valid, loaded, start.tokenizer(), interruption)) {
      TrainingOptions options = start.options(settings, trainingData.size());
      trainingData.requireWindow(
          "--data", data, options.shape().sequence(), "use more text or a shorter --sequence");
      if (!valid.isEmpty()) {
        validationData.requireContext("--valid", valid, start.config());
      }
      try (Backend backend = compute.open(console);
          TrainableModel initialModel = start.model(backend);
          Trainer trainer = start.trainer(initialModel, trainingData, options)) {
        run(start, trainer, validationData, interruption);
      }
    }
  }

  private TokenData open(
      String label, List<Path> files, Tokenizer loaded, Path file, Interruption interruption)
      throws IOException {
    return TokenData.open(console, label, files, loaded, file, interruption);
  }

  private void run(
      RunStart start, Trainer trainer, TokenData validationData, Interruption interruption)
      throws IOException {
    int steps = trainer.options().schedule().steps();
    Backend backend = trainer.model().backend();
    boolean showsPeak = !console.isQuiet() && backend.name().equals(VECTOR_BACKEND);
    double peak = showsPeak ? Machine.flops(compute.threads()) : 0;
    String name = String.valueOf(folder().toAbsolutePath().normalize().getFileName());
    try (RunFolder folder = start.folder(folder(), keep);
        TrainingReport report =
            new TrainingReport(
                console,
                MetricsFolder.open(folder.path(), start.stepsDone()),
                name,
                start.stepsDone(),
                steps,
                peak,
                onSaveError)) {
      TrainingRun.Validation validation =
          valid.isEmpty()
              ? null
              : new TrainingRun.Validation(
                  (model, cancellation) -> Evaluator.loss(model, validationData, cancellation),
                  evalEvery);
      TrainingRun run = new TrainingRun(trainer, folder, saveEvery, validation, report);
      report.finish(run.run(interruption));
    }
  }
}
