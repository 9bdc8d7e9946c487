package org.tokenformer.engine.grow;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ModelFormatException;

/**
 * The metadata of a pack's file: strings by key.
 *
 * @param name human-readable name of the pack
 * @param fingerprint fingerprint of its base
 * @param layers number of layers of its base
 * @param channels C of its base
 * @param tokens number of parameter tokens that it adds, over all layers
 */
record PackMetadata(String name, String fingerprint, int layers, int channels, long tokens) {
  private static final String VERSION_KEY = "tokenformer_pack";
  private static final String VERSION = "1";
  private static final String NAME_KEY = "name";
  private static final String FINGERPRINT_KEY = "base_sha256";
  private static final String LAYERS_KEY = "base_num_layers";
  private static final String CHANNELS_KEY = "base_hidden_size";
  private static final String TOKENS_KEY = "parameter_tokens";
  private static final int MAX_NAME_LENGTH = 200;
  private static final String ADVICE =
      "copy or download it again, or make it with 'tokenformer pack save'";

  /** Reads and checks the metadata. */
  static PackMetadata read(Path file, Map<String, String> metadata) throws ModelFormatException {
    String version = metadata.get(VERSION_KEY);
    if (version == null) {
      throw new ModelFormatException(
          file + ": is not a pack; 'tokenformer pack save' makes one from a grown model");
    }
    if (!version.equals(VERSION)) {
      throw new ModelFormatException(
          "%s: is not a pack that this program reads: its version is %s instead of %s; save it"
                  .formatted(file, quote(version), VERSION)
              + " again");
    }
    String name = text(file, metadata, NAME_KEY);
    if (!isName(name)) {
      throw problem(
          file, NAME_KEY, name, "is not one line of 1 to " + MAX_NAME_LENGTH + " characters");
    }
    String fingerprint = text(file, metadata, FINGERPRINT_KEY);
    if (!fingerprint.matches("[0-9a-f]{64}")) {
      throw problem(file, FINGERPRINT_KEY, fingerprint, "is not a SHA-256 in 64 hex digits");
    }
    long layers = number(file, metadata, LAYERS_KEY);
    if (layers > TokenFormerConfig.MAX_LAYERS) {
      throw problem(file, LAYERS_KEY, layers + "", "is more than " + TokenFormerConfig.MAX_LAYERS);
    }
    long channels = number(file, metadata, CHANNELS_KEY);
    long tokens = number(file, metadata, TOKENS_KEY);
    return new PackMetadata(name, fingerprint, (int) layers, (int) channels, tokens);
  }

  /** Returns whether a pack may have this name: one line, not blank and not too long. */
  static boolean isName(String name) {
    return !name.isBlank()
        && name.length() <= MAX_NAME_LENGTH
        && name.chars().noneMatch(Character::isISOControl);
  }

  private static String text(Path file, Map<String, String> metadata, String key)
      throws ModelFormatException {
    String value = metadata.get(key);
    if (value == null) {
      throw new ModelFormatException(
          "%s: is not a valid pack: its metadata has no %s; %s".formatted(file, key, ADVICE));
    }
    return value;
  }

  private static long number(Path file, Map<String, String> metadata, String key)
      throws ModelFormatException {
    String value = text(file, metadata, key);
    if (!value.matches("[1-9]\\d{0,8}")) {
      throw problem(file, key, value, "is not a number from 1 to 999999999");
    }
    return Long.parseLong(value);
  }

  private static ModelFormatException problem(Path file, String key, String value, String what) {
    return new ModelFormatException(
        "%s: is not a valid pack: its metadata's %s %s %s; %s"
            .formatted(file, key, quote(value), what, ADVICE));
  }

  /** Returns the form that {@link #read} reads. */
  Map<String, String> write() {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("format", "pt"); // for Python readers
    metadata.put(VERSION_KEY, VERSION);
    metadata.put(NAME_KEY, name);
    metadata.put(FINGERPRINT_KEY, fingerprint);
    metadata.put(LAYERS_KEY, Integer.toString(layers));
    metadata.put(CHANNELS_KEY, Integer.toString(channels));
    metadata.put(TOKENS_KEY, Long.toString(tokens));
    return metadata;
  }
}
