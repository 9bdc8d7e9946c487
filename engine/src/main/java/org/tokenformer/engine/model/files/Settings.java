package org.tokenformer.engine.model.files;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/**
 * Named values of a configuration file in any syntax, convertible to a {@link TokenFormerConfig}.
 * The names are those of the released configurations, in which {@code -} and {@code _} are
 * equivalent; our own {@code config.json} adds {@code vocab_size}, {@code tokenizer_vocab_size},
 * {@code tau}, {@code history}, and lists if layers differ.
 */
final class Settings extends Fields {
  private static final List<String> SIZES =
      List.of("num_layers", "qkv_slot_num", "proj_slot_num", "ffn_slot_num");

  /**
   * Creates settings from these values.
   *
   * @param file named in messages
   * @param values strings, numbers, booleans, lists and maps
   */
  Settings(String file, Map<String, ? extends @Nullable Object> values)
      throws ModelFormatException {
    super(file, values);
  }

  /** Rejects any other value; a missing one counts as allowed. */
  void only(String key, Object allowed) throws ModelFormatException {
    if (has(key) && !allowed.equals(raw(key))) {
      throw problem(key, quoted(raw(key)) + " is not supported, only '" + allowed + "' is");
    }
  }

  /** Returns the numbers of all layers, given as one number or as a list of one per layer. */
  private int[] perLayer(String key, int layers) throws ModelFormatException {
    int[] numbers = new int[layers];
    if (required(key) instanceof List<?> list) {
      if (list.size() != layers) {
        throw problem(key, "is a list of length " + list.size() + ", but num_layers is " + layers);
      }
      for (int i = 0; i < layers; i++) {
        numbers[i] = integer(key, list.get(i));
      }
    } else {
      Arrays.fill(numbers, integer(key));
    }
    return numbers;
  }

  private Theta theta() throws ModelFormatException {
    String name = text("norm_activation_type");
    for (Theta theta : Theta.values()) {
      if (theta.configName().equals(name)) {
        return theta;
      }
    }
    throw problem(
        "norm_activation_type",
        quote(name) + " is unknown; use l2_norm_gelu, gelu_l2_norm or softmax");
  }

  private Map<String, Float> taus() throws ModelFormatException {
    Map<String, Float> taus = new TreeMap<>();
    Object value = raw("tau");
    if (value instanceof Map<?, ?> map) {
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        if (!(entry.getValue() instanceof Number number)) {
          throw problem(
              "tau",
              quoted(entry.getValue()) + " of " + quoted(entry.getKey()) + " is not a number");
        }
        taus.put(String.valueOf(entry.getKey()), number.floatValue());
      }
    } else if (value != null) {
      throw problem("tau", quoted(value) + " is not an object of names and numbers");
    }
    return taus;
  }

  /** Returns the numbers of parameter tokens of each layer. */
  private List<LayerSizes> layers() throws ModelFormatException {
    int count = integer("num_layers");
    if (count < 1 || count > TokenFormerConfig.MAX_LAYERS) { // before allocating that many
      throw problem("num_layers", count + " is not between 1 and " + TokenFormerConfig.MAX_LAYERS);
    }
    int[] qkv = perLayer("qkv_slot_num", count);
    int[] proj = perLayer("proj_slot_num", count);
    int[] ffn = perLayer("ffn_slot_num", count);
    List<LayerSizes> layers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      layers.add(new LayerSizes(qkv[i], proj[i], ffn[i]));
    }
    return layers;
  }

  private List<List<LayerSizes>> history() throws ModelFormatException {
    List<List<LayerSizes>> history = new ArrayList<>();
    Object value = raw("history");
    if (value instanceof List<?> list) {
      for (Object entry : list) {
        if (!(entry instanceof Map<?, ?> map)) {
          throw problem("history", quoted(entry) + " is not an object of sizes");
        }
        Map<String, @Nullable Object> fields = new LinkedHashMap<>();
        map.forEach((name, field) -> fields.put(String.valueOf(name), field));
        Settings sizes = new Settings(file() + ": history", fields);
        for (String key : sizes.unknown(SIZES)) {
          throw sizes.problem(key, "is unknown; the known fields are " + String.join(", ", SIZES));
        }
        history.add(sizes.layers());
      }
    } else if (value != null) {
      throw problem("history", quoted(value) + " is not a list");
    }
    return history;
  }

  /** Returns the configuration for an embedding table and a tokenizer of these sizes. */
  TokenFormerConfig config(int vocabularySize, int tokenizerVocabularySize)
      throws ModelFormatException {
    try {
      return new TokenFormerConfig(
          integer("hidden_size"),
          integer("num_attention_heads"),
          layers(),
          vocabularySize,
          tokenizerVocabularySize,
          integer("max_position_embeddings"),
          theta(),
          taus(),
          number("rotary_pct", 1),
          number("rotary_emb_base", 10000),
          (float) number("layernorm_epsilon", 1e-5),
          !flag("no_weight_tying", false),
          history());
    } catch (ConfigException e) {
      throw ModelFormatException.of(file(), e);
    }
  }
}
