package org.tokenformer.cli;

import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.Backends;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.checkpoint.LoadMode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The options of every command that computes with a model. */
final class ComputeOptions {
  /** More would only be a slip of the finger; no machine that this runs on has as many. */
  private static final int MAX_THREADS = 1024;

  enum Backend {
    AUTO,
    SCALAR,
    VECTOR;

    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec command;

  @Option(
      names = "--backend",
      paramLabel = "NAME",
      defaultValue = "auto",
      description =
          "What computes: ${COMPLETION-CANDIDATES}. 'auto' takes the fastest that this machine has"
              + " and says which.")
  private Backend backend = Backend.AUTO;

  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--threads",
      paramLabel = "N",
      description =
          "Threads to compute with, by default one for each processor. The number never changes a"
              + " result.")
  void setThreads(int threads) {
    if (threads < 1 || threads > MAX_THREADS) {
      throw new ParameterException(
          Objects.requireNonNull(command).commandLine(),
          "--threads is " + threads + " but must lie between 1 and " + MAX_THREADS);
    }
    this.threads = threads;
  }

  /** For loading a model that is to compute so. */
  LanguageModel.Options languageModelOptions(LoadMode mode) {
    return new LanguageModel.Options(backend.toString(), threads, mode);
  }

  /** What computes; people are told where it is not the one that they would expect. */
  org.tokenformer.engine.backend.Backend open(Console console) {
    Backends.Choice choice = Backends.open(backend.toString(), threads);
    if (choice.warning() != null) {
      console.warn(choice.warning());
    }
    return choice.backend();
  }

  int threads() {
    return threads;
  }

  Backend backend() {
    return backend;
  }
}
