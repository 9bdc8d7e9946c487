package org.tokenformer.engine.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.files.Weights;
import org.tokenformer.engine.model.training.TrainedWeights;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A language model in a backend's memory: weights that any number of {@link Session}s, on any
 * threads, read at once. They never change, unless the model was made {@link #trainable}: then its
 * trainer writes them between two steps, while no session is in one.
 */
public final class TokenFormer implements AutoCloseable {
  private final TokenFormerConfig config;
  private final Backend backend;
  private final SequencedMap<String, Tensor> weights;
  private final TrainedWeights trained;
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
    return load(folder, TokenSelection.OWN, backend, () -> {});
  }

  /**
   * Reads the weights of an open folder to compute with some of its tokens, or with others behind
   * them.
   *
   * @param folder is closed with the model, or at once if this fails
   * @param onClose runs when the memory of attached tokens is no longer in use, or at once if this
   *     fails
   * @throws ModelFormatException naming the tensor, if a weight is NaN or infinite
   */
  public static TokenFormer load(
      ModelFolder folder, TokenSelection tokens, Backend backend, Runnable onClose)
      throws IOException {
    Runnable closeAll =
        () -> {
          folder.close();
          onClose.run();
        };
    try {
      folder.refuseNotFinite();
      return new TokenFormer(
          folder.config(),
          folder.tensors(),
          tokens,
          backend,
          false,
          closeAll,
          new Weights(backend)::view);
    } catch (IOException | RuntimeException | Error e) {
      closeAll.run();
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
    this(config, tensors, TokenSelection.OWN, backend, false, onClose, new Weights(backend)::view);
  }

  /**
   * A model whose weights can be trained: copies in F32 in the backend's own memory.
   *
   * @param initial every tensor that {@link TensorNames#shapes} lists; not needed after this
   * @param onlyNew whether only the parameter tokens of the last growth are trained
   * @throws ConfigException if so, and the model never grew
   */
  public static TokenFormer trainable(
      TokenFormerConfig config,
      Map<String, NamedTensor> initial,
      Backend backend,
      boolean onlyNew) {
    return new TokenFormer(
        config,
        initial,
        TokenSelection.OWN,
        backend,
        onlyNew,
        () -> {},
        new Weights(backend)::copy);
  }

  /** A model all of whose weights can be trained. */
  public static TokenFormer trainable(
      TokenFormerConfig config, Map<String, NamedTensor> initial, Backend backend) {
    return trainable(config, initial, backend, false);
  }

  /**
   * The model of a folder, to be trained further.
   *
   * @param folder may be closed after this
   * @param onlyNew whether only the parameter tokens of the last growth are trained
   * @throws ModelFormatException naming the tensor, if a weight is NaN or infinite, or if the
   *     weights are quantised
   * @throws ConfigException if only new ones are to be trained, and the model never grew
   */
  public static TokenFormer trainable(ModelFolder folder, Backend backend, boolean onlyNew)
      throws IOException {
    folder.refuseNotFinite();
    return trainable(folder.config(), folder.floatTensors(), backend, onlyNew);
  }

  private TokenFormer(
      TokenFormerConfig own,
      Map<String, NamedTensor> tensors,
      TokenSelection tokens,
      Backend backend,
      boolean onlyNew,
      Runnable onClose,
      Weights.Loader loader) {
    config = tokens.config(own);
    this.backend = backend;
    trained = new TrainedWeights(own, onlyNew);
    MemoryScope scope = backend.openScope();
    try {
      SequencedMap<String, Tensor> loaded = new LinkedHashMap<>();
      TensorNames.shapes(own)
          .forEach((name, shape) -> loaded.put(name, loader.load(scope, tensors, name, shape)));
      weights = Collections.unmodifiableSequencedMap(loaded);
      embedding = weight(TensorNames.EMBEDDING);
      head = config.tiedHead() ? embedding : weight(TensorNames.HEAD);
      normWeight = weight(TensorNames.NORM_WEIGHT);
      normBias = weight(TensorNames.NORM_BIAS);
      var segments = new TokenSegments(own, loaded, trained, tokens.prefix());
      for (Map<String, NamedTensor> more : tokens.attached()) {
        Map<String, Tensor> attached = new LinkedHashMap<>();
        more.forEach(
            (name, tensor) -> attached.put(name, loader.load(scope, more, name, tensor.shape())));
        segments.attach(attached);
      }
      List<Block> list = new ArrayList<>();
      for (int layer = 0; layer < config.layers().size(); layer++) {
        list.add(block(segments, layer));
      }
      blocks = List.copyOf(list);
      weightBytes = tableBytes() + segments.bytes();
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

  private Block block(TokenSegments segments, int layer) {
    PerPattention<Pattention> pattentions =
        PerPattention.of(which -> segments.pattention(layer, which));
    return Block.of(pattentions, config.heads(), layer, config.layerNormEpsilon());
  }

  /** Bytes of embedding, last norm and head. */
  private long tableBytes() {
    long own = head == embedding ? 0 : head.totalBytes();
    return embedding.totalBytes() + normWeight.byteSize() + normBias.byteSize() + own;
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

  /** What it is made of: the tokens that it computes with, its own and attached ones. */
  public TokenFormerConfig config() {
    return config;
  }

  /** Where it computes. */
  public Backend backend() {
    return backend;
  }

  /** All weights of its own by name, in the order of their file. */
  public SequencedMap<String, Tensor> weights() {
    return weights;
  }

  /** The tokens that one Pattention computes with: of its own those in use, and attached ones. */
  public ParameterTokens parameterTokens(int layer, BlockPattention which) {
    return blocks.get(layer).pattentions().get(which).tokens();
  }

  /**
   * What training changes, by the weight's name, in the order of the file: views of {@link
   * #weights}, of all their rows or of those that the last growth added.
   */
  public SequencedMap<String, Tensor> trainedWeights() {
    SequencedMap<String, Tensor> views = new LinkedHashMap<>();
    trained
        .shapes()
        .forEach((name, shape) -> {
          Tensor whole = weight(name);
          long first = trained.firstRow(name);
          views.put(name, first == 0 ? whole : whole.rows(first, shape.size(0)));
        });
    return views;
  }

  /** Whether training changes only the parameter tokens of the last growth. */
  public boolean trainsOnlyNew() {
    return trained.onlyNew();
  }

  /**
   * Elements of the trained matrices that a step multiplies by; a table that is looked up counts
   * nothing.
   *
   * @param share of each Pattention's tokens, the first, that the step learns with
   */
  public long multipliedWeights(TokenShare share) {
    long sum = 0;
    for (Map.Entry<String, Shape> entry : trained.shapes().entrySet()) {
      String name = entry.getKey();
      Shape shape = entry.getValue();
      if (TensorNames.isParameterTokens(name)) {
        long first = trained.firstRow(name);
        long used = share.of(Math.toIntExact(first + shape.size(0)));
        sum += Math.max(0, used - first) * shape.size(1);
      } else if (shape.rank() == 2 && (config.tiedHead() || name.equals(TensorNames.HEAD))) {
        sum += shape.elements();
      }
    }
    return sum;
  }

  public TrainedWeights trained() {
    return trained;
  }

  private Tensor weight(String name) {
    return Objects.requireNonNull(weights.get(name));
  }

  /** (V, C), the embedding itself where tied. */
  public Tensor head() {
    return head;
  }

  /** (C), of the last layer normalisation. */
  public Tensor normWeight() {
    return normWeight;
  }

  public List<Block> blocks() {
    return blocks;
  }

  /** Bytes of the weights in use: what one decoded token reads, and the embedding. */
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

  /**
   * Appends one id to each of several sessions in one pass, which reads the weights once for all of
   * them: what a server does with the conversations that it holds. Faster than {@link
   * Session#decode} one after the other, with logits that differ from its by rounding.
   *
   * @param sessions of this model, 1 to 64, each once; no other thread may be using them
   * @param ids one for each
   * @return the logits at them, (sessions, V), valid until the next step of the first session
   * @throws IllegalArgumentException if one of them is of another model, there twice or full
   * @throws IndexOutOfBoundsException if an id is not in the vocabulary; then, as with any other
   *     error, all sessions are as before
   */
  public Tensor step(List<Session> sessions, int[] ids) {
    return Session.step(this, sessions, ids);
  }

  public RotaryTable rotary() {
    return rotary;
  }

  public Lifetime lifetime() {
    return lifetime;
  }

  /**
   * Ids to hidden states: embeds the rows and runs all blocks; the last one's {@code output()} (T,
   * C) is left before the last layer normalisation.
   *
   * @param some its {@link #blocks}, or those with fewer parameter tokens
   * @param layers what each block works with; its output is the next one's input
   * @throws java.util.concurrent.CancellationException between two layers, if asked to
   */
  public void forward(
      Pass pass,
      List<Block> some,
      List<Activations> layers,
      int[] ids,
      int from,
      @Nullable Cancellation cancellation) {
    embed(ids, from, layers.getFirst().input());
    for (int i = 0; i < some.size(); i++) {
      Cancellation.check(cancellation);
      some.get(i).forward(pass, layers.get(i));
    }
  }

  /** Ids from there on to the residual stream before the first block, (T, C). */
  public void embed(int[] ids, int from, Tensor stream) {
    backend.embed(embedding, ids, from, stream);
  }

  /**
   * Hidden states to logits.
   *
   * @param hidden (T, C)
   * @param normed (T, C), overwritten; may be {@code hidden}
   * @param logits (T, V)
   */
  public void logits(Tensor hidden, Tensor normed, Tensor logits) {
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
