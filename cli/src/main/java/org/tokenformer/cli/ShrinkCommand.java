package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.function.ToIntFunction;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.ProgressBar;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.grow.Importance;
import org.tokenformer.engine.grow.ShrinkPlan;
import org.tokenformer.engine.grow.Shrinking;
import org.tokenformer.engine.measure.ShrinkStudy;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.train.TokenSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "shrink",
    description = {
      "Makes a model smaller by removing its least important parameter tokens.",
      "The importance of a parameter token is measured on data: the mean of |θ|, its"
          + " activation, times the norm of its value. Prints the loss on the data in "
          + ShrinkCommand.STEPS
          + " steps down to the requested sizes and, for comparison, after each step the mean loss of "
          + ShrinkStudy.DRAWS
          + " models with randomly removed tokens. The scale τ is not changed. A few thousand tokens of data"
          + " are enough; the data is read "
          + ShrinkCommand.READS
          + " times.",
      "--qkv, --proj and --ffn give the number of parameter tokens to keep in each Pattention, or a"
          + " percentage of the current number."
    })
final class ShrinkCommand implements Callable<Integer> {
  static final int STEPS = 5;

  /**
   * Passes over the data: the importances, the loss of the full model, and all candidates of each
   * step.
   */
  static final int READS = 2 + STEPS * (1 + ShrinkStudy.DRAWS);

  private final Console console;

  @Mixin private PlainModelOptions model = new PlainModelOptions();

  @Option(
      names = "--data",
      required = true,
      arity = "1..*",
      paramLabel = "FILE",
      description =
          "Data that the smaller model should predict well: UTF-8 texts (- means standard input), or datasets written by"
              + " 'tokenformer prepare' or pyarrow.")
  private List<Path> data = new ArrayList<>();

  @Mixin private TextOptions texts = new TextOptions();

  @Mixin private ShrinkSizeOptions sizes = new ShrinkSizeOptions();

  @Mixin private OutputFolder output = new OutputFolder();

  ShrinkCommand(Console console) {
    this.console = console;
  }

  /** An intermediate size and its loss. */
  private record Row(TokenFormerConfig config, double loss, double randomLoss) {}

  /** Token data that reports how much of it was read. */
  private static final class ProgressSource implements TokenSource {
    private final TokenSource data;
    private final ProgressBar progress;
    private long read;

    ProgressSource(TokenSource data, ProgressBar progress) {
      this.data = data;
      this.progress = progress;
    }

    @Override
    public long size() {
      return data.size();
    }

    @Override
    public void read(long from, int[] to, int offset, int count) {
      data.read(from, to, offset, count);
      read += count;
      progress.update(read);
    }
  }

  @Override
  public Integer call() throws IOException {
    IfExists ifExists = output.check(ModelFolder.FILES);
    Path tokenizerFile = model.folder().resolve(ModelFolder.TOKENIZER_FILE);
    try (var interruption = new Interruption();
        ModelFolder folder = ModelFolder.open(model.folder(), LoadMode.MAP)) {
      folder.floatTensors(); // rejects quantised weights before anything is read
      List<LayerSizes> wanted = sizes.of(folder.config());
      try (ModelOptions.Loaded loaded = model.load(console);
          TokenData tokens =
              TokenData.open(
                  console,
                  "reading",
                  data,
                  texts.files(console),
                  loaded.tokenizer(),
                  tokenizerFile,
                  interruption)) {
        tokens.requireContext("--data", data, folder.config());
        ShrinkPlan plan = study(folder, loaded, tokens, wanted, interruption);
        Shrinking.save(folder, plan, output.path(), ifExists);
        console.note(output.path() + ": " + ModelSummary.line(plan.config()));
      } catch (CancellationException e) {
        return interruption.nothingWritten(console);
      }
    }
    return 0;
  }

  /** Prints the losses and returns the tokens to keep. */
  private ShrinkPlan study(
      ModelFolder folder,
      ModelOptions.Loaded loaded,
      TokenData tokens,
      List<LayerSizes> wanted,
      Interruption interruption)
      throws IOException {
    TokenFormerConfig config = folder.config();
    List<Row> rows = new ArrayList<>();
    Importance importance;
    try (ProgressBar progress = console.progress("shrink", READS * tokens.size(), "ids")) {
      var study =
          new ShrinkStudy(folder, loaded.model().model(), new ProgressSource(tokens, progress));
      importance = study.importance(interruption);
      double whole = study.loss(interruption);
      rows.add(new Row(config, whole, whole));
      for (List<LayerSizes> step : ShrinkStudy.intermediateSizes(config.layers(), wanted, STEPS)) {
        ShrinkPlan plan = ShrinkPlan.mostImportant(config, step, importance);
        double loss = study.loss(plan, interruption);
        rows.add(new Row(plan.config(), loss, study.randomLoss(step, interruption)));
      }
      progress.update(READS * tokens.size()); // an incomplete last window is not read
    }
    print(rows);
    return ShrinkPlan.mostImportant(config, wanted, importance);
  }

  private void print(List<Row> rows) {
    String form = "%11s %11s %11s  %10s  %8s  %13s";
    console
        .out()
        .println(form.formatted("qkv", "proj", "ffn", "parameters", "loss", "random tokens"));
    for (Row row : rows) {
      TokenFormerConfig config = row.config;
      console
          .out()
          .println(
              form.formatted(
                  tokens(config, LayerSizes::qkv),
                  tokens(config, LayerSizes::proj),
                  tokens(config, LayerSizes::ffn),
                  Amount.count(config.parameters()),
                  Amount.decimal(row.loss, 4),
                  Amount.decimal(row.randomLoss, 4)));
    }
    console.out().flush(); // shows the table even if the folder cannot be written
  }

  /** Returns the number that all layers have, or the range. */
  private static String tokens(TokenFormerConfig config, ToIntFunction<LayerSizes> size) {
    int min = config.layers().stream().mapToInt(size).min().orElseThrow();
    int max = config.layers().stream().mapToInt(size).max().orElseThrow();
    return min == max ? min + "" : min + "–" + max;
  }
}
