package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.OneLine;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.measure.Evaluator;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ConvertedWeights;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.files.WeightCheck;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "quantize",
    description = {
      "Converts a model's weights to another type, usually a smaller one.",
      "bf16 rounds the weights and halves the size of an f32 model; q8 and q4 store 8-bit and"
          + " 4-bit integers with one scale per group of 128 weights. f32 converts any of these"
          + " back to floats; train, grow, shrink, export and packs do not work on q8 and q4."
          + " Prints the size before and after and, with --data, the loss before and after."
    })
final class QuantizeCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private ModelFolderOption model = new ModelFolderOption();

  @Option(
      names = "--type",
      required = true,
      paramLabel = "TYPE",
      description = "Weight type: ${COMPLETION-CANDIDATES}.")
  private @Nullable WeightType type;

  @Option(
      names = "--data",
      arity = "1..*",
      paramLabel = "FILE",
      description =
          "Measure the loss on these files: UTF-8 texts (- means standard input), or datasets written by 'tokenformer"
              + " prepare' or pyarrow.")
  private List<Path> data = new ArrayList<>();

  @Mixin private TextOptions texts = new TextOptions();

  @Mixin private OutputFolder output = new OutputFolder();

  @Mixin private ComputeOptions compute = new ComputeOptions();

  QuantizeCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    IfExists ifExists = output.check(ModelFolder.FILES);
    try (var interruption = new Interruption()) {
      try {
        quantize(ifExists, interruption);
      } catch (CancellationException e) {
        return interruption.nothingWritten(console);
      }
      return interruption.exitCode();
    }
  }

  private void quantize(IfExists ifExists, Interruption interruption) throws IOException {
    Path tokenizerFile = model.path().resolve(ModelFolder.TOKENIZER_FILE);
    WeightType target = Objects.requireNonNull(type);
    try (ModelFolder folder = ModelFolder.open(model.path(), LoadMode.MAP);
        var weights = new ConvertedWeights(folder.config(), folder.tensors(), target)) {
      folder.refuseNotFinite();
      Tokenizer tokenizer = ModelOptions.loadTokenizer(tokenizerFile, folder.config());
      Map<String, NamedTensor> after = weights.byName();
      List<String> tooLarge = WeightCheck.notFinite(after.values());
      if (!tooLarge.isEmpty()) {
        throw new UserError(
            "%s: tensor %s has weights that are too large for %s; choose another --type"
                .formatted(folder.weightsFile(), tooLarge.getFirst(), target));
      }
      List<String> lines = new ArrayList<>();
      lines.add(OneLine.of(output.path() + ": ") + ModelSummary.line(folder.config()));
      lines.add(
          ModelSummary.row(
              "weights", "%s before, %s after".formatted(size(folder.tensors()), size(after))));
      if (!data.isEmpty()) {
        lines.add(
            ModelSummary.row(
                "loss", losses(folder, after, tokenizer, tokenizerFile, interruption)));
      }
      List<NamedTensor> tensors = List.copyOf(after.values());
      ModelFolder.save(output.path(), ifExists, folder.config(), tensors, tokenizerFile);
      console.out().println(String.join("\n", lines));
    }
  }

  private static String size(Map<String, NamedTensor> tensors) {
    return Amount.bytes(tensors.values().stream().mapToLong(NamedTensor::byteSize).sum());
  }

  private String losses(
      ModelFolder folder,
      Map<String, NamedTensor> after,
      Tokenizer tokenizer,
      Path tokenizerFile,
      Interruption interruption)
      throws IOException {
    TokenFormerConfig config = folder.config();
    try (TokenData tokens =
            TokenData.open(
                console,
                "reading",
                data,
                texts.files(console),
                tokenizer,
                tokenizerFile,
                interruption);
        Backend backend = compute.open(console);
        TokenFormer plain = ModelLoader.load(config, folder.tensors(), backend, () -> {});
        TokenFormer small = ModelLoader.load(config, after, backend, () -> {})) {
      tokens.requireContext("--data", data, config);
      double lossBefore = Evaluator.loss(plain, tokens, interruption);
      double lossAfter = Evaluator.loss(small, tokens, interruption);
      return "%s before, %s after, a change of %s"
          .formatted(
              Amount.decimal(lossBefore, 4),
              Amount.decimal(lossAfter, 4),
              Amount.decimal(lossAfter - lossBefore, 5));
    }
  }
}
