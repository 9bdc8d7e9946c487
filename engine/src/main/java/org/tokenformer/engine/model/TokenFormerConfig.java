package org.tokenformer.engine.model;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.tokenformer.engine.backend.Theta;

/**
 * The configuration of a TokenFormer. Always valid: the constructor rejects contradictory values
 * and names the field as in configuration files.
 *
 * @param hiddenSize C, channels
 * @param heads H; divides C
 * @param layers numbers of parameter tokens of each layer; layers may differ
 * @param vocabularySize V, rows of the embedding table, padding included
 * @param tokenizerVocabularySize number of ids of the tokenizer; ids from there up to V are padding
 *     and never sampled
 * @param contextLength maximum positions of a sequence
 * @param theta Θ of every Pattention
 * @param taus τ of each Pattention that differs from the default of Θ, by its name in {@link
 *     TensorNames}
 * @param rotaryFraction fraction of each head's channels that is rotated, above 0 and at most 1
 * @param rotaryBase base of the rotation angles
 * @param layerNormEpsilon ε of every layer normalisation
 * @param tiedHead whether the output head is the embedding table rather than a table of its own
 * @param history the layer sizes before each growth, oldest first; the parameter tokens of that
 *     time are the first ones of each Pattention
 */
public record TokenFormerConfig(
    int hiddenSize,
    int heads,
    List<LayerSizes> layers,
    int vocabularySize,
    int tokenizerVocabularySize,
    int contextLength,
    Theta theta,
    Map<String, Float> taus,
    double rotaryFraction,
    double rotaryBase,
    float layerNormEpsilon,
    boolean tiedHead,
    List<List<LayerSizes>> history) {

  /** Maximum number of layers; a larger number can only be a typing error. */
  public static final int MAX_LAYERS = 4096;

  /**
   * Maximum of most sizes: far above any model, far below what overflows an int when multiplied by
   * a vector's bytes.
   */
  public static final int LARGEST_SIZE = 1 << 24;

  private static final int MAX_GROWTHS = 1023;
  private static final int VOCABULARY_MULTIPLE = 128;

  // Not bounded by any tensor of a file, and tables are allocated for all positions.
  private static final int MAX_CONTEXT = 1 << 20;

  /**
   * Parameter tokens of one layer.
   *
   * @param qkv number for each of query, key and value
   * @param proj number for the projection
   * @param ffn number for the feed-forward Pattention
   */
  public record LayerSizes(int qkv, int proj, int ffn) {
    /** Checks the numbers. */
    public LayerSizes {
      inRange("qkv_slot_num", qkv, LARGEST_SIZE);
      inRange("proj_slot_num", proj, LARGEST_SIZE);
      inRange("ffn_slot_num", ffn, LARGEST_SIZE);
    }

    /** Returns the number for one Pattention. */
    public int of(BlockPattention which) {
      return of(which.group());
    }

    /** Returns the number for each Pattention of a group. */
    public int of(SizeGroup group) {
      return switch (group) {
        case QKV -> qkv;
        case PROJ -> proj;
        case FFN -> ffn;
      };
    }

    /** Returns the same sizes with another number for one group. */
    public LayerSizes with(SizeGroup group, int count) {
      return switch (group) {
        case QKV -> new LayerSizes(count, proj, ffn);
        case PROJ -> new LayerSizes(qkv, count, ffn);
        case FFN -> new LayerSizes(qkv, proj, count);
      };
    }

    private boolean isWithin(LayerSizes later) {
      return qkv <= later.qkv && proj <= later.proj && ffn <= later.ffn;
    }
  }

  /** Checks all fields. */
  public TokenFormerConfig {
    layers = List.copyOf(layers);
    history = history.stream().map(List::copyOf).toList();
    taus = Collections.unmodifiableMap(new TreeMap<>(taus));
    inRange("hidden_size", hiddenSize, LARGEST_SIZE);
    inRange("num_attention_heads", heads, LARGEST_SIZE);
    inRange("num_layers", layers.size(), MAX_LAYERS);
    inRange("vocab_size", vocabularySize, LARGEST_SIZE);
    inRange("tokenizer_vocab_size", tokenizerVocabularySize, LARGEST_SIZE);
    inRange("max_position_embeddings", contextLength, MAX_CONTEXT);
    if (hiddenSize % heads != 0) {
      throw ConfigException.of(
          "num_attention_heads", heads, heads + " does not divide hidden_size " + hiddenSize);
    }
    if (tokenizerVocabularySize > vocabularySize) {
      throw ConfigException.of(
          "tokenizer_vocab_size",
          tokenizerVocabularySize,
          tokenizerVocabularySize + " is more than vocab_size " + vocabularySize);
    }
    if (!(rotaryFraction > 0 && rotaryFraction <= 1)) {
      throw ConfigException.notAllowed("rotary_pct", rotaryFraction, "above 0 and at most 1");
    }
    int rotated = rotated(hiddenSize / heads, rotaryFraction);
    if (rotated < 2 || rotated % 2 != 0) {
      throw ConfigException.of(
          "rotary_pct",
          rotaryFraction,
          rotaryFraction
              + " rotates "
              + rotated
              + " of the "
              + hiddenSize / heads
              + " channels of a head; the number must be even and at least 2");
    }
    if (!(rotaryBase > 1) || Double.isInfinite(rotaryBase)) {
      throw ConfigException.notAllowed("rotary_emb_base", rotaryBase, "a number above 1");
    }
    if (!(layerNormEpsilon > 0) || layerNormEpsilon > 1) {
      throw ConfigException.notAllowed(
          "layernorm_epsilon", layerNormEpsilon, "above 0 and at most 1");
    }
    Set<String> pattentions = taus.isEmpty() ? Set.of() : TensorNames.pattentions(layers.size());
    for (Map.Entry<String, Float> tau : taus.entrySet()) {
      if (!pattentions.contains(tau.getKey())) {
        throw ConfigException.of(
            "tau", tau.getKey(), "there is no Pattention " + quote(tau.getKey()));
      }
      if (!(tau.getValue() > 0) || Float.isInfinite(tau.getValue())) {
        throw ConfigException.notAllowed(
            "tau", tau.getValue() + " of " + tau.getKey(), "a number above 0");
      }
    }
    checkHistory(history, layers);
  }

  /** Creates the configuration of a model that never grew. */
  public TokenFormerConfig(
      int hiddenSize,
      int heads,
      List<LayerSizes> layers,
      int vocabularySize,
      int tokenizerVocabularySize,
      int contextLength,
      Theta theta,
      Map<String, Float> taus,
      double rotaryFraction,
      double rotaryBase,
      float layerNormEpsilon,
      boolean tiedHead) {
    this(
        hiddenSize,
        heads,
        layers,
        vocabularySize,
        tokenizerVocabularySize,
        contextLength,
        theta,
        taus,
        rotaryFraction,
        rotaryBase,
        layerNormEpsilon,
        tiedHead,
        List.of());
  }

  private static void checkHistory(List<List<LayerSizes>> history, List<LayerSizes> layers) {
    if (history.size() > MAX_GROWTHS) {
      throw ConfigException.of(
          "history",
          history.size(),
          "%d growths; a model can have at most %d".formatted(history.size(), MAX_GROWTHS));
    }
    for (int stage = 0; stage < history.size(); stage++) {
      List<LayerSizes> before = history.get(stage);
      List<LayerSizes> after = stage + 1 < history.size() ? history.get(stage + 1) : layers;
      boolean grew = !before.isEmpty() && before.size() <= after.size();
      for (int layer = 0; grew && layer < before.size(); layer++) {
        grew = before.get(layer).isWithin(after.get(layer));
      }
      if (!grew) {
        throw ConfigException.of(
            "history",
            stage,
            "entry " + stage + " is larger than what the model grew to afterwards");
      }
    }
  }

  /**
   * Returns a configuration like those of the released models: identical layers, a quarter of each
   * head's channels rotated, a tied head, and a vocabulary padded to a multiple of 128.
   *
   * @param tokenizerIds number of ids of the tokenizer
   */
  public static TokenFormerConfig uniform(
      int layers,
      LayerSizes sizes,
      int hiddenSize,
      int heads,
      int tokenizerIds,
      int contextLength,
      Theta theta) {
    inRange("num_layers", layers, MAX_LAYERS); // before the list is created
    inRange("tokenizer_vocab_size", tokenizerIds, LARGEST_SIZE);
    int padded = Math.ceilDiv(tokenizerIds, VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE;
    return new TokenFormerConfig(
        hiddenSize,
        heads,
        Collections.nCopies(layers, sizes),
        padded,
        tokenizerIds,
        contextLength,
        theta,
        Map.of(),
        0.25,
        10000,
        1e-5f,
        true);
  }

  private static void inRange(String field, int value, int max) {
    if (value < 1 || value > max) {
      throw ConfigException.notAllowed(field, value, "between 1 and " + max);
    }
  }

  /** Returns D, the channels of a head. */
  public int headSize() {
    return hiddenSize / heads;
  }

  /** Returns R, the number of leading channels of each head that are rotated. */
  public int rotaryDimensions() {
    return rotated(headSize(), rotaryFraction);
  }

  private static int rotated(int headSize, double fraction) {
    return (int) (headSize * fraction);
  }

  /** Returns τ of one Pattention of a layer. */
  public float tau(int layer, BlockPattention which) {
    Float tau = taus.get(TensorNames.pattention(layer, which));
    return tau == null ? theta.defaultTau(layers.get(layer).of(which)) : tau;
  }

  /**
   * Returns every τ, unchanged, for the same layers with other numbers of parameter tokens.
   *
   * @return the {@link #taus} of the other layers
   */
  public Map<String, Float> keptTaus(List<LayerSizes> sizes) {
    Map<String, Float> kept = new TreeMap<>();
    for (int layer = 0; layer < sizes.size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        String name = TensorNames.pattention(layer, which);
        noteTau(kept, name, sizes.get(layer).of(which), tau(layer, which));
      }
    }
    return kept;
  }

  /**
   * Stores τ of a Pattention in a map, or removes it if it is the default for that number of
   * tokens.
   */
  public void noteTau(Map<String, Float> taus, String name, int parameterTokens, float tau) {
    if (tau == theta.defaultTau(parameterTokens)) {
      taus.remove(name);
    } else {
      taus.put(name, tau);
    }
  }

  /**
   * Returns the number of trainable parameters.
   *
   * @throws ArithmeticException if it exceeds a long
   */
  public long parameters() {
    long sum = (long) vocabularySize * hiddenSize * (tiedHead ? 1 : 2) + 2L * hiddenSize;
    for (LayerSizes layer : layers) {
      for (BlockPattention which : BlockPattention.values()) {
        sum = Math.addExact(sum, 2L * hiddenSize * layer.of(which));
      }
    }
    return sum;
  }

  /**
   * Returns the floating-point operations of all blocks for one token of a forward pass: 4NC in
   * each Pattention, and 4C in the attention for every position it attends to.
   */
  public double blockFlops(double positions) {
    return blockFlops(positions, TokenFraction.ALL);
  }

  /** Returns the same for computing with a fraction of each Pattention's tokens. */
  public double blockFlops(double positions, TokenFraction fraction) {
    double flops = 0;
    for (LayerSizes layer : layers) {
      double tokens =
          3.0 * fraction.of(layer.qkv())
              + fraction.of(layer.proj())
              + fraction.of(layer.ffn())
              + positions;
      flops += 4 * tokens * hiddenSize;
    }
    return flops;
  }

  /** Returns the floating-point operations of the logits of one token. */
  public double logitsFlops() {
    return 2.0 * vocabularySize * hiddenSize;
  }

  /** Returns the same configuration with other layers. */
  public TokenFormerConfig withLayers(
      List<LayerSizes> sizes, Map<String, Float> taus, List<List<LayerSizes>> history) {
    return new TokenFormerConfig(
        hiddenSize,
        heads,
        sizes,
        vocabularySize,
        tokenizerVocabularySize,
        contextLength,
        theta,
        taus,
        rotaryFraction,
        rotaryBase,
        layerNormEpsilon,
        tiedHead,
        history);
  }
}
