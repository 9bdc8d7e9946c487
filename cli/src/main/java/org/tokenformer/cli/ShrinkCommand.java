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
      "Makes a model smaller: drops the parameter tokens that matter least.",
      "How much one matters is measured on data: the mean of |θ| times the norm of its value. Prints"
          + " the loss on the data in "
          + ShrinkCommand.STEPS
          + " steps down to the wanted sizes, and beside it the mean loss of "
          + ShrinkStudy.DRAWS
          + " models that drop random ones. τ stays what it was. A few thousand tokens are enough;"
          + " the data is read "
          + ShrinkCommand.READS
          + " times."
    })
final class ShrinkCommand implements Callable<Integer> {
  static final int STEPS = 5;

  /** The data is read for the importances, the model as it is, and all choices at each step. */
  static final int READS = 2 + STEPS * (1 + ShrinkStudy.DRAWS);

  private final Console console;

  @Mixin private PlainModelOptions model = new PlainModelOptions();

  @Option(
      names = "--data",
      required = true,
      arity = "1..*",
      paramLabel = "FILE",
      description =
          "What it shall be good at: texts in UTF-8, or datasets as 'tokenformer prepare' or pyarrow"
              + " writes them.")
  private List<Path> data = new ArrayList<>();

  @Mixin private ShrinkSizeOptions sizes = new ShrinkSizeOptions();

  @Mixin private OutputFolder output = new OutputFolder();

  ShrinkCommand(Console console) {
    this.console = console;
  }

  /** A size on the way, and what it costs. */
  private record Row(TokenFormerConfig config, double loss, double randomLoss) {}

  /** Tells how much was read of it. */
  private static final class Watched implements TokenSource {
    private final TokenSource data;
    private final ProgressBar progress;
    private long read;

    Watched(TokenSource data, ProgressBar progress) {
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
      folder.floatTensors(); // refuses quantised ones before anything is read
      List<LayerSizes> wanted = sizes.of(folder.config());
      try (ModelOptions.Loaded loaded = model.load(console);
          TokenData tokens =
              TokenData.open(
                  console, "reading", data, loaded.tokenizer(), tokenizerFile, interruption)) {
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

  /** Measures and prints; gives what is to be kept. */
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
      var study = new ShrinkStudy(folder, loaded.model().model(), new Watched(tokens, progress));
      importance = study.importance(interruption);
      double whole = study.loss(interruption);
      rows.add(new Row(config, whole, whole));
      for (List<LayerSizes> step : ShrinkStudy.onTheWay(config.layers(), wanted, STEPS)) {
        ShrinkPlan plan = ShrinkPlan.mostImportant(config, step, importance);
        double loss = study.loss(plan, interruption);
        rows.add(new Row(plan.config(), loss, study.randomLoss(step, interruption)));
      }
      progress.update(READS * tokens.size()); // what fills no window is not read
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
    console.out().flush(); // the table is there even where the folder cannot be written
  }

  /** One number where all layers have the same one, else the least and the most. */
  private static String tokens(TokenFormerConfig config, ToIntFunction<LayerSizes> size) {
    int least = config.layers().stream().mapToInt(size).min().orElseThrow();
    int most = config.layers().stream().mapToInt(size).max().orElseThrow();
    return least == most ? least + "" : least + "–" + most;
  }
}
