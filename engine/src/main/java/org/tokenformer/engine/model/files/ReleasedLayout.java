package org.tokenformer.engine.model.files;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.TensorInfo;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/**
 * The layout of the released checkpoints: tensor names of a pipeline of layers, and settings of the
 * training code, of which only those that change the mathematics are used.
 */
public final class ReleasedLayout {
  /** Released name of the embedding. */
  static final String EMBEDDING = "sequential.0.word_embeddings.weight";

  // A buffer of some checkpoints whose contents follow from the settings.
  private static final String ROTARY_BUFFER = ".attention.rotary_emb.inv_freq";

  private ReleasedLayout() {}

  /**
   * Returns the configuration of a released checkpoint.
   *
   * @param file the settings' file, named in messages
   * @param settings its values
   * @param checkpoint the weights' file, named in messages
   * @param tensors the weights by their released names
   * @param tokenizerIds number of ids of the accompanying tokenizer
   * @throws ModelFormatException if settings, tensors and tokenizer do not form a model
   */
  public static TokenFormerConfig config(
      Path file,
      Map<String, ? extends @Nullable Object> settings,
      Path checkpoint,
      Map<String, ? extends TensorInfo> tensors,
      int tokenizerIds)
      throws ModelFormatException {
    Settings values = new Settings(file.toString(), withContext(settings));
    values.only("pos_emb", "rotary");
    values.only("norm", "layernorm_nonparam");
    values.only("final_norm", "layernorm");
    values.only("use_bias_in_attn_linear", false);
    checkAttention(values);
    long rows = embeddingRows(checkpoint, tensors);
    if (tokenizerIds > rows) {
      throw new ModelFormatException(
          "%s: the embedding table has %d rows, but the tokenizer has %d ids"
              .formatted(checkpoint, rows, tokenizerIds));
    }
    return values.config((int) Math.min(rows, Integer.MAX_VALUE), tokenizerIds);
  }

  private static long embeddingRows(Path checkpoint, Map<String, ? extends TensorInfo> tensors)
      throws ModelFormatException {
    TensorInfo embedding = tensors.get(EMBEDDING);
    if (embedding != null && embedding.shape().rank() == 2) {
      return embedding.shape().size(0);
    }
    if (tensors.containsKey(TensorNames.EMBEDDING)) {
      throw new ModelFormatException(
          checkpoint
              + ": has the tensor names of a model folder of this program, which needs no import");
    }
    String other =
        tensors.keySet().stream().findFirst().map(n -> ", such as " + quote(n)).orElse("");
    throw new ModelFormatException(
        "%s: tensor %s is missing or not a matrix among its %d tensors%s; check that this is a"
                .formatted(checkpoint, EMBEDDING, tensors.size(), other)
            + " TokenFormer model");
  }

  /** Uses {@code seq_length} if {@code max_position_embeddings} is not given. */
  private static Map<String, @Nullable Object> withContext(
      Map<String, ? extends @Nullable Object> settings) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>(settings);
    if (values.get("max_position_embeddings") == null
        && values.get("max-position-embeddings") == null
        && values.get("seq_length") != null) {
      values.put("max_position_embeddings", values.get("seq_length"));
    }
    return values;
  }

  /**
   * Checks a list such as {@code [[["tokenformer"], 12]]}: every layer must be a TokenFormer layer.
   */
  private static void checkAttention(Settings values) throws ModelFormatException {
    Object attention = values.raw("attention_config");
    if (attention == null) {
      return;
    }
    String text = attention.toString().replaceAll("[\\[\\]\"' ]", "");
    for (String part : text.split(",", -1)) {
      if (!part.equals("tokenformer") && !part.equals("all") && !part.matches("[0-9.]+")) {
        throw values.problem(
            "attention_config", quote(part) + " is not supported, only 'tokenformer' is");
      }
    }
  }

  /** Returns the mapping from our name to the released name, for every tensor of a model. */
  public static Map<String, String> names(TokenFormerConfig config) {
    Map<String, String> names = new LinkedHashMap<>();
    int layers = config.layers().size();
    for (String name : TensorNames.shapes(config).keySet()) {
      names.put(
          name,
          switch (name) {
            case TensorNames.EMBEDDING -> EMBEDDING;
            case TensorNames.NORM_WEIGHT -> "sequential." + (layers + 3) + ".norm.weight";
            case TensorNames.NORM_BIAS -> "sequential." + (layers + 3) + ".norm.bias";
            case TensorNames.HEAD -> "sequential." + (layers + 4) + ".final_linear.weight";
            default -> {
              String[] parts = name.split("\\.", 3); // layers, index, rest
              String rest = parts[2].startsWith("ffn.") ? "mlp" + parts[2].substring(3) : parts[2];
              yield "sequential." + (Integer.parseInt(parts[1]) + 2) + "." + rest;
            }
          });
    }
    return names;
  }

  /**
   * Checks that the tensors of a released checkpoint are those of the configuration.
   *
   * @param checkpoint the weights' file, named in messages
   * @return their released names by our names
   */
  static Map<String, String> check(
      Path checkpoint, TokenFormerConfig config, Map<String, ? extends TensorInfo> released)
      throws ModelFormatException {
    Map<String, String> names = names(config);
    Map<String, TensorInfo> rest = new LinkedHashMap<>(released);
    rest.keySet().removeIf(name -> name.endsWith(ROTARY_BUFFER));
    for (Map.Entry<String, Shape> expected : TensorNames.shapes(config).entrySet()) {
      String name = names.getOrDefault(expected.getKey(), expected.getKey());
      TensorInfo tensor = rest.remove(name);
      Shape shape = expected.getValue();
      if (tensor == null) {
        throw new ModelFormatException(
            "%s: tensor %s %s is missing".formatted(checkpoint, name, shape));
      }
      if (!tensor.shape().equals(shape) || !tensor.dtype().isFloat()) {
        throw new ModelFormatException(
            "%s: tensor %s is %s%s, but the configuration requires floats of shape %s"
                .formatted(checkpoint, name, tensor.dtype(), tensor.shape(), shape));
      }
    }
    for (Map.Entry<String, TensorInfo> tensor : rest.entrySet()) {
      throw new ModelFormatException(
          "%s: tensor %s %s is not part of the configured model"
              .formatted(checkpoint, quote(tensor.getKey()), tensor.getValue().shape()));
    }
    return names;
  }

  /**
   * Returns the tensors of a released checkpoint under our names, checked against the
   * configuration.
   *
   * @param type F32 or BF16, or null to keep BF16 and convert all other types to F32
   * @param arena holds the converted tensors; the others are views of the checkpoint
   */
  public static List<NamedTensor> fromReleased(
      Path checkpoint,
      TokenFormerConfig config,
      Map<String, NamedTensor> released,
      @Nullable DType type,
      Arena arena)
      throws ModelFormatException {
    List<NamedTensor> tensors = new ArrayList<>();
    for (Map.Entry<String, String> name : check(checkpoint, config, released).entrySet()) {
      NamedTensor tensor = Objects.requireNonNull(released.get(name.getValue()));
      DType defaultType = tensor.dtype() == DType.BF16 ? DType.BF16 : DType.F32;
      DType wanted = type == null ? defaultType : type;
      tensors.add(ConvertedWeights.convert(name.getKey(), tensor, wanted, arena));
    }
    return tensors;
  }

  /**
   * Returns a model's tensors under their released names. A τ that the layout cannot represent is
   * folded into the values if Θ allows it.
   *
   * @param arena holds the values that change
   * @throws ModelFormatException if layers differ in size or a τ cannot be folded
   */
  public static List<NamedTensor> toReleased(
      Path model, TokenFormerConfig config, Map<String, NamedTensor> tensors, Arena arena)
      throws ModelFormatException {
    if (config.layers().stream().distinct().count() != 1) {
      throw new ModelFormatException(
          model
              + ": its layers differ in their numbers of parameter tokens, but the released layout"
              + " has one number for all layers; grow them to one size first");
    }
    Map<String, Float> factors = new LinkedHashMap<>();
    for (Map.Entry<String, Float> tau : config.taus().entrySet()) {
      NamedTensor values = tensors.get(TensorNames.values(tau.getKey()));
      if (values == null) {
        continue; // reported as missing below
      }
      float defaultTau = config.theta().defaultTau(values.shape().size(0));
      if (tau.getValue() == defaultTau) {
        continue;
      }
      if (config.theta() == Theta.L2_NORM_GELU) {
        throw new ModelFormatException(
            ("%s: τ = %s of %s is not the default %s, and with l2_norm_gelu it cannot be folded into"
                    + " the values, so the released layout cannot represent this model; grow the"
                    + " original model with --init split instead, which keeps the default τ, or with"
                    + " --init released, or export the model as it was before")
                .formatted(model, tau.getValue(), tau.getKey(), defaultTau));
      }
      factors.put(values.name(), tau.getValue() / defaultTau);
    }
    List<NamedTensor> released = new ArrayList<>();
    for (Map.Entry<String, String> name : names(config).entrySet()) {
      NamedTensor tensor = tensors.get(name.getKey());
      if (tensor == null) {
        throw new ModelFormatException(model + ": tensor " + name.getKey() + " is missing");
      }
      Float factor = factors.get(name.getKey());
      if (factor != null) {
        tensor = scaled(tensor, factor, arena);
      }
      released.add(new NamedTensor(name.getValue(), tensor.dtype(), tensor.shape(), tensor.data()));
    }
    return released;
  }

  private static NamedTensor scaled(NamedTensor tensor, float factor, Arena arena) {
    ValueLayout.OfFloat layout = ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);
    MemorySegment data = arena.allocate(tensor.shape().bytes(DType.F32), 64);
    FloatConversion.convert(tensor.dtype(), tensor.data(), DType.F32, data);
    for (long i = 0; i < tensor.shape().elements(); i++) {
      data.setAtIndex(layout, i, factor * data.getAtIndex(layout, i));
    }
    return new NamedTensor(tensor.name(), DType.F32, tensor.shape(), data);
  }

  /**
   * Returns the settings of an exported model, with the released configurations' names and order.
   */
  public static Map<String, Object> settings(TokenFormerConfig config) {
    LayerSizes sizes = config.layers().getFirst();
    int layers = config.layers().size();
    Map<String, Object> settings = new LinkedHashMap<>();
    settings.put("num_layers", layers);
    settings.put("hidden_size", config.hiddenSize());
    settings.put("num_attention_heads", config.heads());
    settings.put("qkv_slot_num", sizes.qkv());
    settings.put("proj_slot_num", sizes.proj());
    settings.put("ffn_slot_num", sizes.ffn());
    settings.put("seq_length", config.contextLength());
    settings.put("max_position_embeddings", config.contextLength());
    settings.put("pos_emb", "rotary");
    settings.put("rotary_pct", config.rotaryFraction());
    settings.put("rotary_emb_base", config.rotaryBase());
    settings.put("layernorm_epsilon", config.layerNormEpsilon());
    settings.put("no_weight_tying", !config.tiedHead());
    settings.put("norm", "layernorm_nonparam");
    settings.put("final_norm", "layernorm");
    settings.put("use_bias_in_attn_linear", false);
    settings.put("attention_config", List.of(List.of(List.of("tokenformer"), layers)));
    settings.put("norm_activation_type", config.theta().configName());
    return settings;
  }
}
