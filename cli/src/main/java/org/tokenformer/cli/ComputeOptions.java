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

/** Options of all commands that compute with a model. */
final class ComputeOptions {
  /** Larger values are taken for typing errors; no supported machine has that many processors. */
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
          "Compute backend: ${COMPLETION-CANDIDATES}; auto uses the fastest one available."
              + " Default: auto.")
  private Backend backend = Backend.AUTO;

  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--threads",
      paramLabel = "N",
      description =
          "Number of threads; does not affect results. Default: the number of processors.")
  void setThreads(int threads) {
    if (threads < 1 || threads > MAX_THREADS) {
      throw new ParameterException(
          Objects.requireNonNull(command).commandLine(),
          "--threads must be between 1 and " + MAX_THREADS + ", not " + threads);
    }
    this.threads = threads;
  }

  /** Returns the options for loading a model. */
  LanguageModel.Options languageModelOptions(LoadMode mode) {
    return new LanguageModel.Options(backend.toString(), threads, mode);
  }

  /** Opens the backend, with a warning if {@code auto} cannot use the fastest one. */
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
