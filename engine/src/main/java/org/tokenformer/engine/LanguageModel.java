package org.tokenformer.engine;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.generate.Generation;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.GenerationResult;
import org.tokenformer.engine.generate.TokenConsumer;
import org.tokenformer.engine.grow.Packs;
import org.tokenformer.engine.measure.Scorer;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.Lifetime;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.engine.tensor.DType;

/**
 * A loaded model for use in a program: generates, scores and opens sessions.
 *
 * <p>{@link #generate generate}, {@link #stream stream} and {@link #score score} are reproducible:
 * the same ids, options and seed give bit-identical results on one machine at one vector width, for
 * every number of threads and whatever other calls run. {@link Session} says how to keep that when
 * cached positions are reused.
 *
 * <p>Thread-safe: each call uses its own {@link Session}; a conversation keeps one from {@link
 * #newSession}. Closing the model rejects new calls immediately. Calls in progress complete
 * normally, however many steps they still need. After the last of them, steps of sessions are
 * rejected too; once no step is running, all native memory is freed and the threads end.
 */
public final class LanguageModel implements AutoCloseable {
  private final TokenFormer model;
  private final Backend backend;
  private final DType cacheType;
  private final @Nullable String warning;
  private final Lifetime calls;

  /** Wraps a model, which closes the backend after its last step. */
  private LanguageModel(TokenFormer model, Options options, @Nullable String warning) {
    this.model = model;
    this.warning = warning;
    backend = model.backend();
    cacheType = options.cacheType();
    calls = new Lifetime("model", model::close);
  }

  /**
   * Options for loading a model.
   *
   * @param backend see {@link Backends#open}
   * @param threads number of compute threads, between 1 and 1024
   * @param mode whether the files are memory-mapped or copied
   * @param tokens the fraction of the model's own parameter tokens to use, as a prefix
   * @param packs knowledge-pack files whose parameter tokens follow those, in this order
   * @param cacheType element type of the sessions' key-value caches: F32, or BF16, which halves the
   *     memory and rounds keys and values
   */
  public record Options(
      String backend,
      int threads,
      LoadMode mode,
      TokenFraction tokens,
      List<Path> packs,
      DType cacheType) {
    /** Copies the list and checks the cache type. */
    public Options {
      packs = List.copyOf(packs);
      if (cacheType != DType.F32 && cacheType != DType.BF16) {
        throw ConfigException.notAllowed("cache", cacheType, "F32 or BF16");
      }
    }

    /** Creates options with F32 caches. */
    public Options(
        String backend, int threads, LoadMode mode, TokenFraction tokens, List<Path> packs) {
      this(backend, threads, mode, tokens, packs, DType.F32);
    }

    /** Creates options without packs that use all of the model's own parameter tokens. */
    public Options(String backend, int threads, LoadMode mode) {
      this(backend, threads, mode, TokenFraction.ALL, List.of());
    }

    /** Returns a copy with these packs. */
    public Options withPacks(List<Path> files) {
      return new Options(backend, threads, mode, tokens, files, cacheType);
    }

    /** Returns a copy that uses this fraction of the model's own parameter tokens. */
    public Options withTokens(TokenFraction prefix) {
      return new Options(backend, threads, mode, prefix, packs, cacheType);
    }

    /** Returns a copy with key-value caches of this type. */
    public Options withCacheType(DType type) {
      return new Options(backend, threads, mode, tokens, packs, type);
    }

    /** Returns the defaults: the fastest backend, all processors, memory-mapped files. */
    public static Options defaults() {
      return new Options(Backends.AUTO, Backends.defaultThreads(), LoadMode.MAP);
    }
  }

  /** Loads a model folder with {@link Options#defaults()}. */
  public static LanguageModel load(Path folder) throws IOException {
    return load(folder, Options.defaults());
  }

  /**
   * Loads a model folder.
   *
   * @throws IOException with a human-readable line, if the folder holds no valid model, or a pack
   *     is damaged or was made with another model
   * @throws BackendUnavailableException if a backend is named explicitly and cannot run here
   */
  public static LanguageModel load(Path folder, Options options) throws IOException {
    Backends.Choice choice = Backends.open(options.backend(), options.threads());
    try {
      TokenFormer model = load(ModelFolder.open(folder, options.mode()), options, choice.backend());
      return new LanguageModel(model, options, choice.warning());
    } catch (IOException | RuntimeException | Error e) {
      choice.backend().close();
      throw e;
    }
  }

  private static TokenFormer load(ModelFolder folder, Options options, Backend backend)
      throws IOException {
    Packs packs;
    try {
      packs = Packs.open(options.packs(), folder, options.tokens(), options.mode());
    } catch (IOException | RuntimeException | Error e) {
      folder.close();
      throw e;
    }
    Runnable onClose =
        () -> {
          packs.close();
          backend.close();
        };
    return ModelLoader.load(folder, packs.selection(options.tokens()), backend, onClose);
  }

  /**
   * Creates a model with random weights, as at the start of training. It is as fast as a trained
   * model of the same size.
   *
   * @param weights type of the weight matrices
   * @param seed the same seed gives the same weights
   */
  @SuppressWarnings("MustBeClosedChecker") // the model closes the arena
  public static LanguageModel random(
      TokenFormerConfig config, WeightType weights, long seed, Options options) {
    Backends.Choice choice = Backends.open(options.backend(), options.threads());
    Arena arena = Arena.ofShared();
    try {
      Map<String, NamedTensor> tensors =
          RandomWeights.create(config, InitialValues.SCALED, weights, seed, arena);
      Runnable onClose =
          () -> {
            arena.close();
            choice.backend().close();
          };
      TokenFormer model = ModelLoader.load(config, tensors, choice.backend(), onClose);
      return new LanguageModel(model, options, choice.warning());
    } catch (RuntimeException | Error e) {
      arena.close();
      choice.backend().close();
      throw e;
    }
  }

  /** Returns the model's configuration. */
  public TokenFormerConfig config() {
    return model.config();
  }

  /** Returns the underlying model, for access to sessions and logits. */
  public TokenFormer model() {
    return model;
  }

  /** Returns the backend that the model runs on. */
  public Backend backend() {
    return backend;
  }

  /** Returns a human-readable line if the model runs slower than it could, otherwise null. */
  public @Nullable String warning() {
    return warning;
  }

  /**
   * Continues a prompt.
   *
   * @param consumer receives each id as soon as it is chosen and decides whether to continue
   * @throws IllegalArgumentException if the prompt is empty or longer than the context
   */
  public GenerationResult generate(
      int[] prompt, GenerationOptions options, TokenConsumer consumer) {
    return generate(prompt, options, consumer, null);
  }

  /** Continues a prompt; can be cancelled at any time, even during prefill. */
  public GenerationResult generate(
      int[] prompt,
      GenerationOptions options,
      TokenConsumer consumer,
      @Nullable Cancellation cancellation) {
    try (Call call = new Call(prompt, options)) {
      return Generation.run(call.session, prompt, options, consumer, cancellation);
    }
  }

  /**
   * Continues a prompt lazily: each id is computed when the stream requests it. The stream keeps
   * the model open and holds a session until it ends, fails or is closed, so use it in a
   * try-with-resources statement unless you read it to its end. It ends if the reading thread is
   * interrupted.
   *
   * @throws IllegalArgumentException if the prompt is empty or longer than the context
   */
  public IntStream stream(int[] prompt, GenerationOptions options) {
    Call call = new Call(prompt, options);
    try {
      Generation generation = new Generation(call.session, prompt, options, null);
      return StreamSupport.intStream(ids(generation, call), false).onClose(call::close);
    } catch (RuntimeException | Error e) {
      call.close();
      throw e;
    }
  }

  private static Spliterator.OfInt ids(Generation generation, Call call) {
    int characteristics = Spliterator.ORDERED | Spliterator.NONNULL;
    return new Spliterators.AbstractIntSpliterator(Long.MAX_VALUE, characteristics) {
      @Override
      public boolean tryAdvance(IntConsumer action) {
        boolean more = false;
        try {
          more = generation.advance();
        } finally {
          if (!more) {
            call.close();
          }
        }
        if (!more) {
          return false;
        }
        action.accept(generation.id());
        return true;
      }
    };
  }

  /** A generating call, which owns a session and keeps the model open. */
  private final class Call implements AutoCloseable {
    final Session session;
    private final AtomicBoolean open = new AtomicBoolean(true);

    /** Opens a session that is just large enough for the longest possible text. */
    Call(int[] prompt, GenerationOptions options) {
      if (prompt.length == 0) {
        throw new IllegalArgumentException("the prompt is empty; give at least one id");
      }
      int context = config().contextLength();
      if (prompt.length > context) {
        throw new IllegalArgumentException(
            "the prompt has %d ids, but the model's context has %d positions; shorten the prompt"
                .formatted(prompt.length, context));
      }
      long longest = (long) prompt.length + options.maxTokens();
      calls.enter();
      try {
        session = model.newSession((int) Math.min(context, longest), cacheType);
      } catch (RuntimeException | Error e) {
        calls.exit();
        throw e;
      }
    }

    @Override
    public void close() {
      if (open.getAndSet(false)) {
        session.close();
        calls.exit();
      }
    }
  }

  /**
   * Returns the natural log-probability of each id given the preceding ids, over all V entries of
   * the vocabulary, padding included. The first id has none; its entry is NaN.
   *
   * @param ids at most as many as the context length
   * @throws IllegalArgumentException if there are more
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  public double[] score(int[] ids) {
    int context = config().contextLength();
    if (ids.length > context) {
      throw new IllegalArgumentException(
          "cannot score %d ids: the model's context has %d positions; score fewer ids at a time"
              .formatted(ids.length, context));
    }
    calls.enter();
    try {
      return logProbabilities(ids);
    } finally {
      calls.exit();
    }
  }

  private double[] logProbabilities(int[] ids) {
    double[] logprobs = new double[ids.length];
    if (ids.length > 0) {
      logprobs[0] = Double.NaN;
    }
    if (ids.length > 1) {
      try (Scorer scorer = new Scorer(model, ids.length - 1)) {
        float[] losses = scorer.losses(ids, 0, ids.length - 1, null);
        for (int i = 1; i < ids.length; i++) {
          logprobs[i] = -losses[i - 1];
        }
      }
    }
    return logprobs;
  }

  /** Opens a session, such as for a conversation, with the model's full context length. */
  public Session newSession() {
    return newSession(config().contextLength());
  }

  /**
   * Opens a session, such as for a conversation.
   *
   * @param capacity the maximum number of positions, at most the model's context length
   * @throws IllegalStateException if the model is closed
   */
  public Session newSession(int capacity) {
    calls.enter();
    try {
      return model.newSession(capacity, cacheType);
    } finally {
      calls.exit();
    }
  }

  @Override
  public void close() {
    calls.close();
  }
}
