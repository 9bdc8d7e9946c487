package org.tokenformer.engine.grow;

import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.Sha256;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/**
 * Identifies a model by what it computes: the SHA-256 of its sizes, every τ and all weights as F32.
 * The type that the weights are stored in makes no difference as long as no weight was rounded, and
 * neither does the growth history.
 */
final class BaseFingerprint {
  private BaseFingerprint() {}

  static String of(TokenFormerConfig config, Map<String, NamedTensor> weights) {
    Sha256 digest = new Sha256();
    digest.update(describe(config));
    for (String name : TensorNames.shapes(config).keySet()) {
      digest.update(name + "\n");
      digest.updateAsF32(Objects.requireNonNull(weights.get(name)));
    }
    return digest.hex();
  }

  /** Returns a line for the model and one for each layer; floating-point numbers as their bits. */
  private static String describe(TokenFormerConfig config) {
    StringBuilder text = new StringBuilder("tokenformer 1\n");
    text.append(
        String.format(
            Locale.ROOT,
            "%d %d %d %d %d %s %x %x %x %b\n",
            config.hiddenSize(),
            config.heads(),
            config.vocabularySize(),
            config.tokenizerVocabularySize(),
            config.contextLength(),
            config.theta().configName(),
            Double.doubleToLongBits(config.rotaryFraction()),
            Double.doubleToLongBits(config.rotaryBase()),
            Float.floatToIntBits(config.layerNormEpsilon()),
            config.tiedHead()));
    for (int layer = 0; layer < config.layers().size(); layer++) {
      LayerSizes sizes = config.layers().get(layer);
      text.append(String.format(Locale.ROOT, "%d %d %d", sizes.qkv(), sizes.proj(), sizes.ffn()));
      for (BlockPattention which : BlockPattention.values()) {
        int tau = Float.floatToIntBits(config.tau(layer, which));
        text.append(' ').append(Integer.toHexString(tau));
      }
      text.append('\n');
    }
    return text.toString();
  }
}
