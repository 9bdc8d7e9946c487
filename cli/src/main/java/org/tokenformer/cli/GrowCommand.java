package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.grow.GrownWeights;
import org.tokenformer.engine.grow.Growth;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.grow.GrowthPlan;
import org.tokenformer.engine.grow.GrowthPlan.Size;
import org.tokenformer.engine.grow.LogitChange;
import org.tokenformer.engine.model.SizeGroup;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "grow",
    description = {
      "Gives a model more parameter tokens, or more layers, without losing what it knows.",
      "A size is a number of parameter tokens of each Pattention: 2048, 2048@3 for layer 3 or"
          + " 2048@0-2 for layers 0 to 2; options may be given several times. New layers come last"
          + " and are like the last one unless a size says otherwise.",
      "Both models are run on the same ids, and the largest change of any logit is printed. An exact"
          + " growth that changes one by more than roundings do is not written."
    })
final class GrowCommand implements Callable<Integer> {
  /** Ids that the two models are compared on: random ones, and those of --data. */
  private static final int RANDOM_IDS = 256;

  private static final int MAX_IDS = 4096;

  private final Console console;

  @Mixin private ModelFolderOption model = new ModelFolderOption();

  @Option(
      names = "--qkv",
      paramLabel = "SIZE",
      description = "Parameter tokens of each of query, key and value.")
  private List<String> qkv = new ArrayList<>();

  @Option(
      names = "--proj",
      paramLabel = "SIZE",
      description = "Parameter tokens of the attention's projection.")
  private List<String> proj = new ArrayList<>();

  @Option(
      names = "--ffn",
      paramLabel = "SIZE",
      description = "Parameter tokens of the feed-forward part.")
  private List<String> ffn = new ArrayList<>();

  @Option(
      names = "--layers",
      paramLabel = "N",
      description = "Layers of the grown model; new ones change nothing until they are trained.")
  private @Nullable String layers;

  @Option(
      names = "--init",
      paramLabel = "NAME",
      defaultValue = "zero",
      description = {
        "What new parameter tokens begin with: ${COMPLETION-CANDIDATES}; by default zero.",
        "zero: keys of zeros; exact for the gelu kinds. split: every token is parted into as many,"
            + " by whole multiples; exact for all kinds. released: all random, as the released"
            + " training code grows; the model changes what it computes, by much."
      })
  private GrowthInit init = GrowthInit.ZERO;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "Seed of what is random, by default 0.")
  private long seed;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description =
          "A text or a dataset whose first 4096 tokens the models are compared on, instead of 256"
              + " random ones.")
  private @Nullable Path data;

  @Mixin private OutputFolder output = new OutputFolder();

  @Mixin private ComputeOptions compute = new ComputeOptions();

  GrowCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    IfExists ifExists = output.check(ModelFolder.FILES);
    try (var interruption = new Interruption()) {
      try {
        grow(ifExists, interruption);
      } catch (CancellationException e) {
        return interruption.nothingWritten(console);
      }
      return interruption.exitCode();
    }
  }

  private void grow(IfExists ifExists, Interruption interruption) throws IOException {
    Path tokenizerFile = model.path().resolve(ModelFolder.TOKENIZER_FILE);
    try (ModelFolder folder = ModelFolder.open(model.path(), LoadMode.MAP)) {
      folder.refuseNotFinite();
      Tokenizer tokenizer = ModelOptions.loadTokenizer(tokenizerFile, folder.config());
      Growth growth = growth(folder);
      GrowthNeeds.of(growth, folder.floatTensors()).check(TrainingNeeds.machineBytes());
      int[] ids = ids(growth, tokenizer, tokenizerFile, interruption);
      // As loud as the training that the init belongs to makes a new model.
      InitialValues values = growth.isExact() ? InitialValues.SCALED : InitialValues.RELEASED;
      try (var weights = new GrownWeights(growth, folder.floatTensors(), values, seed)) {
        LogitChange change = compare(folder, growth, weights.byName(), ids, interruption);
        if (growth.isExact() && !change.isRounding()) {
          throw new IllegalStateException(
              "growth by '%s' changes a logit by %s, %s of the largest; nothing was written"
                  .formatted(init, change.absolute(), change.relative()));
        }
        List<NamedTensor> tensors = List.copyOf(weights.byName().values());
        ModelFolder.save(output.path(), ifExists, growth.after(), tensors, tokenizerFile);
        print(growth, change, ids.length);
      }
    }
  }

  private Growth growth(ModelFolder folder) {
    if (qkv.isEmpty() && proj.isEmpty() && ffn.isEmpty() && layers == null) {
      throw new UserError(
          "nothing to grow: give at least one of --qkv, --proj, --ffn and --layers, as --ffn 2048");
    }
    List<Size> sizes = new ArrayList<>();
    qkv.forEach(size -> sizes.add(Size.parse(SizeGroup.QKV, size)));
    proj.forEach(size -> sizes.add(Size.parse(SizeGroup.PROJ, size)));
    ffn.forEach(size -> sizes.add(Size.parse(SizeGroup.FFN, size)));
    int depth = layers == null ? 0 : GrowthPlan.parseLayers(layers);
    return Growth.of(folder.config(), new GrowthPlan(sizes, depth), init);
  }

  private int[] ids(
      Growth growth, Tokenizer tokenizer, Path tokenizerFile, Interruption interruption)
      throws IOException {
    Path file = data;
    if (file == null) {
      int count = Math.min(RANDOM_IDS, growth.before().contextLength());
      return LogitChange.randomIds(growth.before(), count, seed);
    }
    try (TokenData tokens =
        TokenData.openFirst(console, file, MAX_IDS, tokenizer, tokenizerFile, interruption)) {
      int[] ids = new int[(int) Math.min(MAX_IDS, tokens.size())];
      if (ids.length == 0) {
        throw new UserError("--data " + file + ": has no tokens; name a text that has some");
      }
      tokens.read(0, ids, 0, ids.length);
      return ids;
    }
  }

  private LogitChange compare(
      ModelFolder folder,
      Growth growth,
      Map<String, NamedTensor> weights,
      int[] ids,
      Interruption interruption)
      throws IOException {
    try (Backend backend = compute.open(console);
        TokenFormer before =
            ModelLoader.load(growth.before(), folder.floatTensors(), backend, () -> {});
        TokenFormer after = ModelLoader.load(growth.after(), weights, backend, () -> {})) {
      LogitChange change = LogitChange.between(before, after, ids, interruption);
      if (!Double.isFinite(change.largest())) {
        throw new UserError(folder.path() + ": its logits overflow, there is nothing to keep");
      }
      return change;
    }
  }

  private void print(Growth growth, LogitChange change, int ids) {
    List<String> lines = new ArrayList<>();
    lines.add(output.path() + ": " + ModelSummary.line(growth.after()));
    lines.add(
        ModelSummary.row(
            "parameters",
            "%d before, %d after"
                .formatted(growth.before().parameters(), growth.after().parameters())));
    ModelSummary.layers(growth.after())
        .forEach(line -> lines.add(ModelSummary.row("parameter tokens", line)));
    ModelSummary.taus(growth.after()).forEach(line -> lines.add(ModelSummary.row("τ", line)));
    lines.add(
        ModelSummary.row(
            "logits",
            String.format(
                Locale.ROOT,
                "change by %.2g at most, %.2g of the largest; on %d %s tokens",
                change.absolute(),
                change.relative(),
                ids,
                data == null ? "random" : "given")));
    console.out().println(String.join("\n", lines));
  }
}
