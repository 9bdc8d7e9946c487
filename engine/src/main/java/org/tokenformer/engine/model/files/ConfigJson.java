package org.tokenformer.engine.model.files;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/** Reads and writes a model folder's {@code config.json}; unknown fields are errors. */
public final class ConfigJson {
  private static final String MODEL_TYPE = "tokenformer";
  private static final List<String> FIELDS =
      List.of(
          "model_type",
          "num_layers",
          "hidden_size",
          "num_attention_heads",
          "qkv_slot_num",
          "proj_slot_num",
          "ffn_slot_num",
          "vocab_size",
          "tokenizer_vocab_size",
          "max_position_embeddings",
          "norm_activation_type",
          "tau",
          "rotary_pct",
          "rotary_emb_base",
          "layernorm_epsilon",
          "no_weight_tying",
          "history");

  private ConfigJson() {}

  static TokenFormerConfig read(Path file) throws IOException {
    if (!Files.exists(file)) {
      throw new ModelFormatException(
          file
              + ": no such file; a model folder contains config.json, model.safetensors and"
              + " tokenizer.json (see tokenformer import --help)");
    }
    Settings settings = new Settings(file.toString(), StrictJson.read(file));
    if (!MODEL_TYPE.equals(settings.text("model_type"))) {
      String type = settings.text("model_type");
      throw settings.problem("model_type", quote(type) + " is not '" + MODEL_TYPE + "'");
    }
    for (String key : settings.unknown(FIELDS)) {
      throw settings.problem(key, "is unknown; the known fields are " + String.join(", ", FIELDS));
    }
    int vocabulary = settings.integer("vocab_size");
    int ids =
        settings.has("tokenizer_vocab_size")
            ? settings.integer("tokenizer_vocab_size")
            : vocabulary;
    return settings.config(vocabulary, ids);
  }

  static String write(TokenFormerConfig config) {
    Gson gson = new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();
    return gson.toJson(fields(config)) + "\n";
  }

  /**
   * Describes a difference between two models for a message: the first field of {@code config.json}
   * with different values, with both values.
   *
   * @return null if the two are equal
   */
  public static @Nullable String difference(TokenFormerConfig config, TokenFormerConfig other) {
    Map<String, Object> fields = fields(config);
    Map<String, Object> others = fields(other);
    for (String key : FIELDS) {
      Object value = fields.get(key);
      if (!Objects.equals(value, others.get(key))) {
        return "%s is %s instead of %s".formatted(key, value, others.get(key));
      }
    }
    return null;
  }

  private static Map<String, Object> fields(TokenFormerConfig config) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("model_type", MODEL_TYPE);
    fields.putAll(layers(config.layers()));
    fields.put("hidden_size", config.hiddenSize());
    fields.put("num_attention_heads", config.heads());
    fields.put("vocab_size", config.vocabularySize());
    fields.put("tokenizer_vocab_size", config.tokenizerVocabularySize());
    fields.put("max_position_embeddings", config.contextLength());
    fields.put("norm_activation_type", config.theta().configName());
    if (!config.taus().isEmpty()) {
      fields.put("tau", config.taus());
    }
    fields.put("rotary_pct", config.rotaryFraction());
    fields.put("rotary_emb_base", config.rotaryBase());
    fields.put("layernorm_epsilon", config.layerNormEpsilon());
    fields.put("no_weight_tying", !config.tiedHead());
    if (!config.history().isEmpty()) {
      fields.put("history", config.history().stream().map(ConfigJson::layers).toList());
    }
    return fields;
  }

  private static Map<String, Object> layers(List<LayerSizes> layers) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("num_layers", layers.size());
    fields.put("qkv_slot_num", oneOrAll(layers, LayerSizes::qkv));
    fields.put("proj_slot_num", oneOrAll(layers, LayerSizes::proj));
    fields.put("ffn_slot_num", oneOrAll(layers, LayerSizes::ffn));
    return fields;
  }

  /** Returns a single number if all layers have the same one, otherwise a list. */
  static Object oneOrAll(List<LayerSizes> layers, ToIntFunction<LayerSizes> size) {
    List<Integer> all = layers.stream().mapToInt(size).boxed().toList();
    return all.stream().distinct().count() == 1 ? all.getFirst() : all;
  }
}
