package org.tokenformer.engine.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A language model in a backend's memory: immutable weights that any number of {@link Session}s, on
 * any threads, read at once.
 */
public final class TokenFormer implements AutoCloseable {
  private final TokenFormerConfig config;
  private final Backend backend;
  private final Tensor embedding; // (V, C)
  private final List<Block> blocks;
  private final Tensor normWeight; // (C)
  private final Tensor normBias; // (C)
  private final Tensor head; // (V, C), the embedding itself where tied
  private final RotaryTable rotary;
  private final long weightBytes;
  private final Lifetime lifetime;

  /**
   * Reads the weights of an open folder, without a copy where the backend computes on mapped
   * memory.
   *
   * @param folder is closed with the model, or at once if this fails
   * @throws ModelFormatException naming the tensor, if a weight is NaN or infinite
   */
  public static TokenFormer load(ModelFolder folder, Backend backend) throws IOException {
    try {
      WeightCheck.refuseNotFinite(folder.weightsFile(), folder.tensors().values());
      return new TokenFormer(folder.config(), folder.tensors(), backend, folder::close);
    } catch (IOException | RuntimeException | Error e) {
      folder.close();
      throw e;
    }
  }

  /**
   * A model of these tensors.
   *
   * @param tensors every one that {@link TensorNames#shapes} lists; their memory outlives the model
   * @param onClose runs when the model's memory is no longer in use
   */
  public TokenFormer(
      TokenFormerConfig config,
      Map<String, NamedTensor> tensors,
      Backend backend,
      Runnable onClose) {
    this.config = config;
    this.backend = backend;
    MemoryScope scope = backend.openScope();
    try {
      long bytes = 0;
      for (NamedTensor tensor : tensors.values()) {
        bytes += tensor.data().byteSize();
      }
      weightBytes = bytes;
      embedding = weight(scope, tensors, TensorNames.EMBEDDING);
      head = config.tiedHead() ? embedding : weight(scope, tensors, TensorNames.HEAD);
      normWeight = weight(scope, tensors, TensorNames.NORM_WEIGHT);
      normBias = weight(scope, tensors, TensorNames.NORM_BIAS);
      List<Block> list = new ArrayList<>();
      for (int layer = 0; layer < config.layers().size(); layer++) {
        list.add(block(scope, tensors, layer));
      }
      blocks = List.copyOf(list);
      rotary = rotaryTable(scope);
    } catch (RuntimeException | Error e) {
      scope.close();
      throw e;
    }
    lifetime =
        new Lifetime(
            "model",
            () -> {
              scope.close();
              onClose.run();
            });
  }

  private Block block(MemoryScope scope, Map<String, NamedTensor> tensors, int layer) {
    return new Block(
        new SelfAttention(
            pattention(scope, tensors, layer, "attention.query"),
            pattention(scope, tensors, layer, "attention.key"),
            pattention(scope, tensors, layer, "attention.value"),
            pattention(scope, tensors, layer, "attention.proj"),
            config.heads(),
            layer),
        pattention(scope, tensors, layer, "ffn"),
        config.layerNormEpsilon());
  }

  private Pattention pattention(
      MemoryScope scope, Map<String, NamedTensor> tensors, int layer, String which) {
    String name = TensorNames.pattention(layer, which);
    Tensor keys = weight(scope, tensors, TensorNames.keys(name));
    Tensor values = weight(scope, tensors, TensorNames.values(name));
    float tau = config.tau(name, keys.rows());
    return new Pattention(ParameterTokens.of(config.theta(), tau, keys, values));
  }

  /** Matrices stay F32 or BF16; all else becomes F32. */
  private Tensor weight(MemoryScope scope, Map<String, NamedTensor> tensors, String name) {
    NamedTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("tensor " + name + " is missing");
    }
    boolean matrix = tensor.shape().rank() == 2;
    if (tensor.dtype() == DType.F32 || (tensor.dtype() == DType.BF16 && matrix)) {
      return scope.adopt(tensor.data(), tensor.dtype(), tensor.shape());
    }
    Tensor widened = scope.allocate(DType.F32, tensor.shape());
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = arena.allocate(widened.byteSize(), 64);
      FloatConversion.convert(tensor.dtype(), tensor.data(), DType.F32, floats);
      backend.upload(floats, widened);
    }
    return widened;
  }

  private RotaryTable rotaryTable(MemoryScope scope) {
    int half = config.rotaryDimensions() / 2;
    Shape shape = Shape.of(config.contextLength(), half);
    Tensor cosine = scope.allocate(DType.F32, shape);
    Tensor sine = scope.allocate(DType.F32, shape);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment cosines = arena.allocate(cosine.byteSize(), 64);
      MemorySegment sines = arena.allocate(sine.byteSize(), 64);
      for (int i = 0; i < half; i++) {
        double frequency = Math.pow(config.rotaryBase(), -2.0 * i / config.rotaryDimensions());
        for (int position = 0; position < config.contextLength(); position++) {
          long index = (long) position * half + i;
          double angle = position * frequency;
          cosines.setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) Math.cos(angle));
          sines.setAtIndex(ValueLayout.JAVA_FLOAT, index, (float) Math.sin(angle));
        }
      }
      backend.upload(cosines, cosine);
      backend.upload(sines, sine);
    }
    return new RotaryTable(cosine, sine);
  }

  /** What it is made of. */
  public TokenFormerConfig config() {
    return config;
  }

  /** Where it computes. */
  public Backend backend() {
    return backend;
  }

  /** Bytes of the weights as they are stored: what one decoded token reads, less the embedding. */
  public long weightBytes() {
    return weightBytes;
  }

  /** A conversation of its own, with a cache of F32 for as many positions as the model has. */
  public Session newSession() {
    return newSession(config.contextLength(), DType.F32);
  }

  /**
   * A conversation of its own.
   *
   * @param capacity positions in its cache, at most the context of the model
   * @param cacheType F32, or BF16 for half the memory and rounded keys and values
   * @throws IllegalStateException if the model is closed
   */
  public Session newSession(int capacity, DType cacheType) {
    return new Session(this, capacity, cacheType);
  }

  RotaryTable rotary() {
    return rotary;
  }

  Lifetime lifetime() {
    return lifetime;
  }

  /**
   * Ids to hidden states: embeds the rows and runs all blocks; {@code step.x()} (T, C) is left
   * before the last layer normalisation.
   *
   * @throws java.util.concurrent.CancellationException between two layers, if asked to
   */
  void forward(Step step, int[] ids, int from, @Nullable Cancellation cancellation) {
    backend.embed(embedding, ids, from, step.x());
    for (int i = 0; i < blocks.size(); i++) {
      Cancellation.check(cancellation);
      blocks.get(i).forward(step);
    }
  }

  /**
   * Hidden states to logits.
   *
   * @param hidden (T, C)
   * @param normed (T, C), overwritten; may be {@code hidden}
   * @param logits (T, V)
   */
  void logits(Tensor hidden, Tensor normed, Tensor logits) {
    backend.layerNorm(hidden, normWeight, normBias, config.layerNormEpsilon(), normed);
    backend.logits(normed, head, logits);
  }

  /**
   * Refuses new sessions and new steps of its sessions at once, and frees the weights after the
   * last step that is under way. Sessions still have to be closed for their own memory.
   */
  @Override
  public void close() {
    lifetime.close();
  }
}
