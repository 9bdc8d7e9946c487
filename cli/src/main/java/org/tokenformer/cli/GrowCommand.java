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
import org.tokenformer.cli.console.OneLine;
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
      "Grows a model by adding parameter tokens, layers or both.",
      "SIZE is the new number of parameter tokens per Pattention: 2048 for all layers, 2048@3 for"
          + " layer 3, 2048@0-2 for layers 0 to 2. Size options can be repeated. New layers"
          + " follow the last layer and have its sizes unless a SIZE says otherwise.",
      "By default, growth does not change the model's outputs. Both models are run on the same"
          + " tokens, and the largest change of any logit is printed. If --init zero or split"
          + " changes a logit by more than rounding error, nothing is written."
    })
final class GrowCommand implements Callable<Integer> {
  /** Random ids that the two models are compared on, unless {@code --data} is given. */
  private static final int RANDOM_IDS = 256;

  private static final int MAX_IDS = 4096;

  private final Console console;

  @Mixin private ModelFolderOption model = new ModelFolderOption();

  @Option(
      names = "--qkv",
      paramLabel = "SIZE",
      description = "Parameter tokens of each query, key and value Pattention.")
  private List<String> qkv = new ArrayList<>();

  @Option(
      names = "--proj",
      paramLabel = "SIZE",
      description = "Parameter tokens of the attention output projection.")
  private List<String> proj = new ArrayList<>();

  @Option(
      names = "--ffn",
      paramLabel = "SIZE",
      description = "Parameter tokens of the feed-forward Pattention.")
  private List<String> ffn = new ArrayList<>();

  @Option(
      names = "--layers",
      paramLabel = "N",
      description = "New number of layers. Added layers change nothing until they are trained.")
  private @Nullable String layers;

  @Option(
      names = "--init",
      paramLabel = "NAME",
      defaultValue = "zero",
      description = {
        "Initial values of new parameter tokens: ${COMPLETION-CANDIDATES}. Default: zero.",
        "zero: zero keys, random values; exact for l2_norm_gelu and gelu_l2_norm.",
        "split: each token is split into several (new sizes must be multiples of the old ones);"
            + " exact up to rounding error for all activations.",
        "released: random keys and values, as in the released training code; changes the outputs"
            + " considerably."
      })
  private GrowthInit init = GrowthInit.ZERO;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "Seed of random initial values and of the random tokens. Default: 0.")
  private long seed;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description =
          "Compare the models on the first 4096 tokens of this text (- means standard input) or dataset. Default: 256"
              + " random tokens.")
  private @Nullable Path data;

  @Mixin private TextOptions texts = new TextOptions();

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
      // The initialisation scale of the training code that the init belongs to.
      InitialValues values = growth.isExact() ? InitialValues.SCALED : InitialValues.RELEASED;
      try (var weights = new GrownWeights(growth, folder.floatTensors(), values, seed)) {
        LogitChange change = compare(folder, growth, weights.byName(), ids, interruption);
        if (growth.isExact() && !change.isRounding()) {
          throw new IllegalStateException(
              "init '%s' is not exact: a logit changes by %s (relative %s); nothing was written"
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
          "nothing to grow: give at least one of --qkv, --proj, --ffn and --layers, such as --ffn"
              + " 2048");
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
        TokenData.openFirst(
            console, file, MAX_IDS, texts.files(console), tokenizer, tokenizerFile, interruption)) {
      int[] ids = new int[(int) Math.min(MAX_IDS, tokens.size())];
      if (ids.length == 0) {
        throw new UserError("--data " + file + ": has no tokens; use a text that is not empty");
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
        throw new UserError(
            folder.path()
                + ": the model's logits overflow, so growth cannot"
                + " preserve them; use another model");
      }
      return change;
    }
  }

  private void print(Growth growth, LogitChange change, int ids) {
    List<String> lines = new ArrayList<>();
    lines.add(OneLine.of(output.path() + ": ") + ModelSummary.line(growth.after()));
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
                "largest change %.2g (relative %.2g), on %d %s tokens",
                change.absolute(),
                change.relative(),
                ids,
                data == null ? "random" : "given")));
    console.out().println(String.join("\n", lines));
  }
}
