package org.tokenformer.cli;

import com.google.gson.FormattingStyle;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.OneLine;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.Runner;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.WeightCheck;
import org.tokenformer.engine.model.training.MemoryNeeds;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "inspect",
    description = {
      "Shows a model's sizes, tensors and memory requirements.",
      "If tensors contain NaN or infinite weights, they are named in an error and the exit code is"
          + " 2."
    })
final class InspectCommand implements Callable<Integer> {
  private final Console console;

  @Parameters(
      arity = "0..1",
      paramLabel = "DIR",
      description = "Model folder. Default: the storyteller model included with the program.")
  private @Nullable Path folder;

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  InspectCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    Path path = DefaultModel.orGiven(folder);
    List<String> notFinite;
    try (ModelFolder model = ModelFolder.open(path, LoadMode.MAP)) {
      Tokenizer tokenizer = Tokenizer.load(path.resolve(ModelFolder.TOKENIZER_FILE));
      notFinite = WeightCheck.notFinite(model.tensors().values());
      var report = new Report(model, tokenizer.vocabularySize(), notFinite);
      console.out().println(json ? report.json() : report.text());
    }
    if (!notFinite.isEmpty()) {
      throw new UserError(path + ": " + ModelSummary.notFinite(notFinite));
    }
    return 0;
  }

  /** The report, as text and as JSON. */
  private record Report(ModelFolder model, int tokenizerIds, List<String> notFinite) {
    private long weightBytes() {
      return model.tensors().values().stream().mapToLong(t -> t.byteSize()).sum();
    }

    private List<String> types() {
      return model.tensors().values().stream().map(t -> t.dtype().name()).distinct().toList();
    }

    String text() throws IOException {
      TokenFormerConfig config = model.config();
      List<String> lines = new ArrayList<>();
      lines.add(
          "%s: TokenFormer of %s parameters, %s as %s"
              .formatted(
                  OneLine.of(model.path().toString()),
                  Amount.count(config.parameters()),
                  Amount.bytes(weightBytes()),
                  String.join(" and ", types())));
      lines.addAll(RunSummary.lines(model.path()));
      lines.add(ModelSummary.row("layers", config.layers().size() + ""));
      lines.add(
          ModelSummary.row(
              "channels",
              "%d; %d heads of %d (%d rotary dimensions, base %s)"
                  .formatted(
                      config.hiddenSize(),
                      config.heads(),
                      config.headSize(),
                      config.rotaryDimensions(),
                      Amount.rate(config.rotaryBase()))));
      ModelSummary.layers(config)
          .forEach(line -> lines.add(ModelSummary.row("parameter tokens", line)));
      lines.add(ModelSummary.row("activation", config.theta().configName()));
      ModelSummary.taus(config).forEach(line -> lines.add(ModelSummary.row("τ", line)));
      lines.add(
          ModelSummary.row(
              "vocabulary",
              "%d tokenizer ids, padded to %d; output head %s"
                  .formatted(
                      tokenizerIds,
                      config.vocabularySize(),
                      config.tiedHead() ? "tied to the embedding" : "untied")));
      lines.add(ModelSummary.row("context", config.contextLength() + " tokens"));
      addMemory(lines);
      addTensors(lines);
      return String.join("\n", lines);
    }

    private void addMemory(List<String> lines) {
      var needs = new MemoryNeeds(model.config());
      int context = model.config().contextLength();
      long cache = needs.cacheBytes(context, DType.F32);
      lines.add(
          ModelSummary.row(
              "memory to run",
              "%s: weights %s, KV cache of a full context %s (bf16 %s), scratch %s"
                  .formatted(
                      Amount.bytes(weightBytes() + cache + Runner.scratchBytes(model.config())),
                      Amount.bytes(weightBytes()),
                      Amount.bytes(cache),
                      Amount.bytes(needs.cacheBytes(context, DType.BF16)),
                      Amount.bytes(Runner.scratchBytes(model.config())))));
      long state = needs.trainingStateBytes();
      long activations = needs.activationBytes(new TrainingShape(1, context, false));
      lines.add(
          ModelSummary.row(
              "memory to train",
              "%s: weights, gradients and moments %s, activations %s per sequence of %d tokens"
                  .formatted(
                      Amount.bytes(state + activations),
                      Amount.bytes(state),
                      Amount.bytes(activations),
                      context)));
    }

    private void addTensors(List<String> lines) {
      int width = model.tensors().keySet().stream().mapToInt(String::length).max().orElse(0);
      lines.add("");
      for (NamedTensor tensor : model.tensors().values()) {
        lines.add(
            "  %s  %-4s  %-14s %10s%s"
                .formatted(
                    tensor.name() + " ".repeat(width - tensor.name().length()),
                    tensor.dtype(),
                    tensor.shape(),
                    Amount.bytes(tensor.byteSize()),
                    notFinite.contains(tensor.name()) ? "  NaN or infinite" : ""));
      }
    }

    String json() throws IOException {
      var text = new StringWriter();
      try (var out = new JsonWriter(text)) {
        out.setFormattingStyle(FormattingStyle.PRETTY);
        out.setHtmlSafe(false);
        out.beginObject();
        writeConfig(out);
        writeMemory(out);
        out.name("tensors").beginArray();
        for (NamedTensor tensor : model.tensors().values()) {
          writeTensor(out, tensor);
        }
        out.endArray();
        out.name("not_finite").beginArray();
        for (String name : notFinite) {
          out.value(name);
        }
        out.endArray();
        out.endObject();
      }
      return text.toString();
    }

    private void writeConfig(JsonWriter out) throws IOException {
      TokenFormerConfig config = model.config();
      out.name("path").value(model.path().toString());
      out.name("parameters").value(config.parameters());
      out.name("num_layers").value(config.layers().size());
      out.name("hidden_size").value(config.hiddenSize());
      out.name("num_attention_heads").value(config.heads());
      out.name("rotary_dimensions").value(config.rotaryDimensions());
      out.name("rotary_emb_base").value(config.rotaryBase());
      out.name("norm_activation_type").value(config.theta().configName());
      out.name("vocab_size").value(config.vocabularySize());
      out.name("tokenizer_vocab_size").value(tokenizerIds);
      out.name("max_position_embeddings").value(config.contextLength());
      out.name("no_weight_tying").value(!config.tiedHead());
      out.name("layers").beginArray();
      for (TokenFormerConfig.LayerSizes sizes : config.layers()) {
        out.beginObject();
        out.name("qkv_slot_num").value(sizes.qkv());
        out.name("proj_slot_num").value(sizes.proj());
        out.name("ffn_slot_num").value(sizes.ffn());
        out.endObject();
      }
      out.endArray();
      out.name("tau").beginObject();
      for (var tau : config.taus().entrySet()) {
        out.name(tau.getKey()).value(tau.getValue());
      }
      out.endObject();
    }

    private void writeMemory(JsonWriter out) throws IOException {
      var needs = new MemoryNeeds(model.config());
      int context = model.config().contextLength();
      out.name("bytes").beginObject();
      out.name("weights").value(weightBytes());
      out.name("cache_f32").value(needs.cacheBytes(context, DType.F32));
      out.name("cache_bf16").value(needs.cacheBytes(context, DType.BF16));
      out.name("scratch").value(Runner.scratchBytes(model.config()));
      out.name("training_state").value(needs.trainingStateBytes());
      out.name("training_activations_per_sequence")
          .value(needs.activationBytes(new TrainingShape(1, context, false)));
      out.endObject();
    }

    private static void writeTensor(JsonWriter out, NamedTensor tensor) throws IOException {
      out.beginObject();
      out.name("name").value(tensor.name());
      out.name("dtype").value(tensor.dtype().name());
      out.name("shape").beginArray();
      for (int i = 0; i < tensor.shape().rank(); i++) {
        out.value(tensor.shape().size(i));
      }
      out.endArray();
      out.name("bytes").value(tensor.byteSize());
      out.endObject();
    }
  }
}
