package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.train.RunFolder;
import org.tokenformer.tokenizer.TextRules;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * The options for a run's data, and for when it validates, saves and samples. A resumed run keeps
 * its {@link RunSettings} where an option is not given.
 */
final class RunOptions {
  private static final int DEFAULT_INTERVAL = 200;
  private static final int DEFAULT_KEEP = 3;

  @Option(
      names = "--data",
      arity = "1..*",
      paramLabel = "FILE",
      description =
          "Training data: UTF-8 texts (- means standard input), or datasets written by 'tokenformer prepare' or pyarrow. A"
              + " resumed run finds them itself, unless they were moved.")
  private List<Path> data = new ArrayList<>();

  @Option(
      names = "--valid",
      arity = "1..*",
      paramLabel = "FILE",
      description =
          "Validation data, which is not trained on. Its loss is computed every --eval-every"
              + " steps and after the last one, as by 'tokenformer eval'.")
  private List<Path> valid = new ArrayList<>();

  @Mixin private TextOptions texts = new TextOptions();

  @Option(
      names = "--save-every",
      paramLabel = "N",
      description = "Steps between checkpoints. Default: 200.")
  private @Nullable Integer saveEvery;

  @Option(
      names = "--on-save-error",
      paramLabel = "WHAT",
      description =
          "What to do if a checkpoint cannot be written, for example on a full disk:"
              + " ${COMPLETION-CANDIDATES}. continue warns and tries again at the next"
              + " checkpoint; stop ends the run. Earlier checkpoints are kept in both cases. If"
              + " the last checkpoint cannot be written, the run fails. Default: continue.")
  private @Nullable OnSaveError onSaveError;

  @Option(
      names = "--keep",
      paramLabel = "N",
      description = "Number of latest checkpoints to keep. Default: 3.")
  private @Nullable Integer keep;

  @Option(
      names = "--keep-best",
      description =
          "Also keep the checkpoint with the lowest validation loss, as the folder 'best' in the"
              + " run folder. Each validation that lowers the loss saves a checkpoint.")
  private boolean keepBest;

  @Option(
      names = "--eval-every",
      paramLabel = "N",
      description = "Steps between validations. Default: 200.")
  private @Nullable Integer evalEvery;

  @Option(
      names = "--sample-every",
      paramLabel = "N",
      description =
          "Show a short text that the model generates every N steps. The run stays"
              + " bit-identical. Default: no texts.")
  private @Nullable Integer sampleEvery;

  @Option(
      names = "--sample-prompt",
      paramLabel = "TEXT",
      description = "Prompt of --sample-every. Default: the first words of the training data.")
  private @Nullable String samplePrompt;

  /** Returns the settings of a new run. */
  RunSettings settings() throws IOException {
    if (data.isEmpty()) {
      throw new UserError("a new run needs training data: add --data FILE");
    }
    return checked(null, DataFile.of(data), DataFile.of(valid));
  }

  /**
   * Returns the settings of a resumed run.
   *
   * @param saved those of the run; null if it has none
   * @param run its folder, for messages
   * @throws UserError if a data file that the run names is missing or has changed
   */
  RunSettings resuming(@Nullable RunSettings saved, Path run) throws IOException {
    if (saved == null && data.isEmpty()) {
      throw new UserError(
          "%s: was made by an earlier version, which did not note the data of a run; name them with"
                  .formatted(run)
              + " --data (and --valid)");
    }
    return checked(
        saved,
        resumed("--data", data, saved == null ? List.of() : saved.data()),
        resumed("--valid", valid, saved == null ? List.of() : saved.valid()));
  }

  private static List<DataFile> resumed(String option, List<Path> given, List<DataFile> saved)
      throws IOException {
    if (!given.isEmpty()) {
      return DataFile.of(given);
    }
    for (DataFile file : saved) {
      file.requireUnchanged(option);
    }
    return saved;
  }

  private RunSettings checked(
      @Nullable RunSettings saved, List<DataFile> trained, List<DataFile> validated) {
    RunSettings settings =
        new RunSettings(
            trained,
            validated,
            saved == null || !texts.rules().equals(TextRules.PROSE) ? texts.rules() : saved.texts(),
            atLeastOne("--save-every", saveEvery, saved, RunSettings::saveEvery),
            value(onSaveError, saved, RunSettings::onSaveError, OnSaveError.CONTINUE),
            new RunFolder.Kept(
                value(atLeastOne("--keep", keep), saved, s -> s.kept().latest(), DEFAULT_KEEP),
                keepBest || (saved != null && saved.kept().best())),
            atLeastOne("--eval-every", evalEvery, saved, RunSettings::evalEvery),
            value(atLeastOne("--sample-every", sampleEvery), saved, RunSettings::sampleEvery, 0),
            samplePrompt != null || saved == null ? samplePrompt : saved.samplePrompt());
    if (keepBest && validated.isEmpty()) {
      throw new UserError("--keep-best: has no effect without validation; add --valid FILE");
    }
    if (samplePrompt != null && settings.sampleEvery() == 0) {
      throw new UserError("--sample-prompt: has no effect without --sample-every; add it");
    }
    return settings;
  }

  private static int atLeastOne(
      String option,
      @Nullable Integer given,
      @Nullable RunSettings saved,
      Function<RunSettings, Integer> of) {
    return value(atLeastOne(option, given), saved, of, DEFAULT_INTERVAL);
  }

  private static @Nullable Integer atLeastOne(String option, @Nullable Integer given) {
    if (given != null && given < 1) {
      throw new UserError(option + " must be at least 1, not " + given);
    }
    return given;
  }

  /** Returns the given value, else that of the run, else the default. */
  private static <T> T value(
      @Nullable T given, @Nullable RunSettings saved, Function<RunSettings, T> of, T byDefault) {
    if (given != null) {
      return given;
    }
    return saved == null ? byDefault : of.apply(saved);
  }
}
