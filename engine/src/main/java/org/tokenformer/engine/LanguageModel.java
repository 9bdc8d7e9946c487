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
 * A model ready for use in a program: load, generate, score, close.
 *
 * <p>Safe for any number of threads: each call has a {@link Session} of its own; a conversation
 * keeps one from {@link #newSession}. Closing refuses new calls at once. Those that have begun end
 * as usual, whatever steps they still need; after the last of them the steps of sessions are
 * refused, too, and the last step frees all native memory and ends the threads.
 */
public final class LanguageModel implements AutoCloseable {
  private final TokenFormer model;
  private final Backend backend;
  private final DType cacheType;
  private final @Nullable String warning;
  private final Lifetime calls;

  /** The model closes the backend, after its last step. */
  private LanguageModel(TokenFormer model, Options options, @Nullable String warning) {
    this.model = model;
    this.warning = warning;
    backend = model.backend();
    cacheType = options.cacheType();
    calls = new Lifetime("model", model::close);
  }

  /**
   * How a model is loaded.
   *
   * @param backend see {@link Backends#open}
   * @param threads that compute, 1 to 1024
   * @param mode whether files are mapped or copied
   * @param tokens the share of its parameter tokens that the model computes with, the first ones
   * @param packs files of parameter tokens that are attached behind those, in this order
   * @param cacheType of the keys and values of its sessions: F32, or BF16 for half the memory and
   *     rounded keys and values
   */
  public record Options(
      String backend,
      int threads,
      LoadMode mode,
      TokenFraction tokens,
      List<Path> packs,
      DType cacheType) {
    /** Copies the list and checks the type. */
    public Options {
      packs = List.copyOf(packs);
      if (cacheType != DType.F32 && cacheType != DType.BF16) {
        throw ConfigException.notAllowed("cache", cacheType, "F32 or BF16");
      }
    }

    /** With a cache of F32. */
    public Options(
        String backend, int threads, LoadMode mode, TokenFraction tokens, List<Path> packs) {
      this(backend, threads, mode, tokens, packs, DType.F32);
    }

    /** The model as it is, with all its tokens and no others. */
    public Options(String backend, int threads, LoadMode mode) {
      this(backend, threads, mode, TokenFraction.ALL, List.of());
    }

    /** The same with these packs. */
    public Options withPacks(List<Path> files) {
      return new Options(backend, threads, mode, tokens, files, cacheType);
    }

    /** The same with that share of the model's tokens. */
    public Options withTokens(TokenFraction prefix) {
      return new Options(backend, threads, mode, prefix, packs, cacheType);
    }

    /** The same with sessions that keep their keys and values in this type. */
    public Options withCacheType(DType type) {
      return new Options(backend, threads, mode, tokens, packs, type);
    }

    /** The fastest backend, all processors, the file mapped. */
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
   * @throws IOException with one line for people, if it is not a sound model, or a pack is damaged
   *     or was made with another
   * @throws BackendUnavailableException if a backend was named that cannot run here
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
    return ModelLoader.load(folder, packs.behind(options.tokens()), backend, onClose);
  }

  /**
   * A model of random weights, as training starts from: as fast as a trained one of its sizes.
   *
   * @param weights type of its matrices
   * @param seed same seed, same weights
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

  /** What the model is made of. */
  public TokenFormerConfig config() {
    return model.config();
  }

  /** The model itself, for programs that want its sessions and logits. */
  public TokenFormer model() {
    return model;
  }

  /** What it runs on. */
  public Backend backend() {
    return backend;
  }

  /** One line for people if it runs slower than it could, else null. */
  public @Nullable String warning() {
    return warning;
  }

  /**
   * Continues a prompt.
   *
   * @param consumer gets each id as soon as it is chosen, and says whether to go on
   * @throws IllegalArgumentException if the prompt is empty or longer than the context
   */
  public GenerationResult generate(
      int[] prompt, GenerationOptions options, TokenConsumer consumer) {
    return generate(prompt, options, consumer, null);
  }

  /** Continues a prompt until it is cancelled, even in the middle of the prompt. */
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
   * Continues a prompt lazily: an id is computed when the stream is asked for it. The stream holds
   * the model open and frees its session when it ends or fails, and when it is closed before, so
   * use it in a try-with-resources statement unless it is read to its end. It ends where the thread
   * that reads it is interrupted.
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

  /** A call that generates: has a session and holds the model open. */
  private final class Call implements AutoCloseable {
    final Session session;
    private final AtomicBoolean open = new AtomicBoolean(true);

    /** The session is just as large as the text may become. */
    Call(int[] prompt, GenerationOptions options) {
      if (prompt.length == 0) {
        throw new IllegalArgumentException("the prompt is empty; give at least one id");
      }
      int context = config().contextLength();
      if (prompt.length > context) {
        throw new IllegalArgumentException(
            "the prompt has %d ids, the model's context %d positions; shorten the prompt"
                .formatted(prompt.length, context));
      }
      long wanted = (long) prompt.length + options.maxTokens();
      calls.enter();
      try {
        session = model.newSession((int) Math.min(context, wanted), cacheType);
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
   * Natural logarithms of the probability of each id given those before it, over all V entries of
   * the vocabulary, padding included. The first id has none: its entry is NaN.
   *
   * @param ids at most as many as the context has positions
   * @throws IllegalArgumentException if there are more
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  public double[] score(int[] ids) {
    int context = config().contextLength();
    if (ids.length > context) {
      throw new IllegalArgumentException(
          "%d ids to score, the model's context has %d positions; score fewer at a time"
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

  /** A conversation that keeps its past, for as many positions as the model has. */
  public Session newSession() {
    return newSession(config().contextLength());
  }

  /**
   * A conversation that keeps its past.
   *
   * @param capacity positions that it can hold, at most the context of the model
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
