package org.tokenformer.engine.model;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import com.google.gson.stream.JsonReader;
import com.google.gson.stream.JsonToken;
import com.google.gson.stream.MalformedJsonException;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.CheckpointException;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/** Our own {@code config.json}: strict JSON of at most a megabyte, without unknown fields. */
final class ConfigJson {
  private static final long LARGEST_FILE = 1 << 20;
  private static final int DEEPEST = 8;
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
          "no_weight_tying");

  private ConfigJson() {}

  static TokenFormerConfig read(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new ModelFormatException(
          file
              + (Files.exists(file) ? ": is not a plain file" : ": no such file")
              + "; a model folder has config.json, model.safetensors and"
              + " tokenizer.json (see tokenformer import --help)");
    }
    if (Files.size(file) > LARGEST_FILE) {
      throw new ModelFormatException(
          file + ": " + Files.size(file) + " bytes, a configuration has at most " + LARGEST_FILE);
    }
    String json;
    try {
      json = Files.readString(file, StandardCharsets.UTF_8);
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(file + ": is not UTF-8", e);
    } catch (IOException e) {
      throw new ModelFormatException(file + ": cannot read: " + CheckpointException.reason(e), e);
    }
    Settings settings = new Settings(file.toString(), parse(file, json));
    if (!MODEL_TYPE.equals(settings.text("model_type"))) {
      String type = settings.text("model_type");
      throw settings.problem("model_type", quote(type) + " is not '" + MODEL_TYPE + "'");
    }
    for (String key : settings.unknown(FIELDS)) {
      throw settings.problem(key, "is unknown; known are " + String.join(", ", FIELDS));
    }
    int vocabulary = settings.integer("vocab_size");
    int ids =
        settings.has("tokenizer_vocab_size")
            ? settings.integer("tokenizer_vocab_size")
            : vocabulary;
    return settings.config(vocabulary, ids);
  }

  private static Map<String, @Nullable Object> parse(Path file, String json)
      throws ModelFormatException {
    try (JsonReader reader = new JsonReader(new StringReader(json))) {
      reader.setStrictness(Strictness.STRICT);
      if (!(value(reader, 0) instanceof Map<?, ?> map)) {
        throw new ModelFormatException(file + ": is not a JSON object");
      }
      if (reader.peek() != JsonToken.END_DOCUMENT) {
        throw new ModelFormatException(file + ": has more than one JSON object");
      }
      Map<String, @Nullable Object> values = new LinkedHashMap<>();
      map.forEach((key, value) -> values.put(String.valueOf(key), value));
      return values;
    } catch (MalformedJsonException | JsonParseException | IllegalStateException e) {
      throw new ModelFormatException(file + ": is not valid JSON: " + firstLine(e), e);
    } catch (ModelFormatException e) {
      throw e;
    } catch (IOException e) {
      throw new ModelFormatException(file + ": is cut short or not valid JSON: " + firstLine(e), e);
    }
  }

  private static String firstLine(Exception e) {
    String line = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    String plain = line.replaceAll("\\p{Cntrl}", "?"); // it quotes names of the file
    return plain.length() > 200 ? plain.substring(0, 200) + "…" : plain;
  }

  private static @Nullable Object value(JsonReader reader, int depth) throws IOException {
    if (depth > DEEPEST) {
      throw new MalformedJsonException("nested deeper than " + DEEPEST + " at " + reader.getPath());
    }
    return switch (reader.peek()) {
      case BEGIN_OBJECT -> {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        reader.beginObject();
        while (reader.hasNext()) {
          String name = reader.nextName();
          if (map.containsKey(name)) {
            throw new MalformedJsonException("field " + quote(name) + " is given twice");
          }
          map.put(name, value(reader, depth + 1));
        }
        reader.endObject();
        yield map;
      }
      case BEGIN_ARRAY -> {
        List<@Nullable Object> list = new ArrayList<>();
        reader.beginArray();
        while (reader.hasNext()) {
          list.add(value(reader, depth + 1));
        }
        reader.endArray();
        yield list;
      }
      case STRING -> reader.nextString();
      case NUMBER -> Double.valueOf(reader.nextDouble());
      case BOOLEAN -> Boolean.valueOf(reader.nextBoolean());
      case NULL -> {
        reader.nextNull();
        yield null;
      }
      default -> throw new MalformedJsonException("unexpected " + reader.peek());
    };
  }

  static String write(TokenFormerConfig config) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("model_type", MODEL_TYPE);
    fields.put("num_layers", config.layers().size());
    fields.put("hidden_size", config.hiddenSize());
    fields.put("num_attention_heads", config.heads());
    fields.put("qkv_slot_num", oneOrAll(config, LayerSizes::qkv));
    fields.put("proj_slot_num", oneOrAll(config, LayerSizes::proj));
    fields.put("ffn_slot_num", oneOrAll(config, LayerSizes::ffn));
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
    Gson gson = new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();
    return gson.toJson(fields) + "\n";
  }

  /** A number where all layers have the same one, else a list. */
  static Object oneOrAll(TokenFormerConfig config, ToIntFunction<LayerSizes> size) {
    List<Integer> all = config.layers().stream().mapToInt(size).boxed().toList();
    return all.stream().distinct().count() == 1 ? all.getFirst() : all;
  }
}
