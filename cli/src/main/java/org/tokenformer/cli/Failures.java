package org.tokenformer.cli;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.OutputFailure;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.error.EngineProblem;
import org.tokenformer.tokenizer.TextKindException;
import org.tokenformer.tokenizer.TokenizerException;
import org.tokenformer.tokenizer.dataset.DatasetException;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/** Turns every failure into one line on standard error and an exit code. */
final class Failures implements IParameterExceptionHandler, IExecutionExceptionHandler {
  static final int INTERNAL_ERROR = 1;
  static final int USER_ERROR = 2;

  /**
   * The exit code that shells report for a program ended by SIGPIPE, when nobody reads the rest.
   */
  static final int BROKEN_PIPE = 141;

  private final Console console;
  private final RootCommand root;

  Failures(Console console, RootCommand root) {
    this.console = console;
    this.root = root;
  }

  @Override
  public int handleParseException(ParameterException e, String[] args) {
    if (e.getCause() instanceof OutputFailure || e.getCause() instanceof UserError) {
      return report(e.getCause());
    }
    CommandLine command = e.getCommandLine();
    String see = "see '" + command.getCommandSpec().qualifiedName() + " --help'";
    return fail(USER_ERROR, UsageErrors.line(e) + "; " + see, e);
  }

  @Override
  public int handleExecutionException(Exception e, CommandLine command, ParseResult arguments) {
    return report(e, command);
  }

  /** Prints the line for any failure and returns the exit code. */
  int report(Throwable failure) {
    return report(failure, null);
  }

  private int report(Throwable failure, @Nullable CommandLine command) {
    return switch (failure) {
      case OutputFailure e when e.isBrokenPipe() -> BROKEN_PIPE;
      case OutputFailure e -> fail(USER_ERROR, Objects.toString(e.getMessage()), e);
      case UserError e -> fail(USER_ERROR, Objects.toString(e.getMessage()), e);
      case ParameterException e -> handleParseException(e, new String[0]);
      case UncheckedIOException e -> report(Objects.requireNonNull(e.getCause()), command);
      case EngineProblem e -> fail(USER_ERROR, OptionWording.line(e, command), failure);
      case TextKindException e -> fail(USER_ERROR, TextOptions.message(e, command), e);
      case TokenizerException e -> fail(USER_ERROR, Objects.toString(e.getMessage()), e);
      case DatasetException e -> fail(USER_ERROR, Objects.toString(e.getMessage()), e);
      case IOException e -> fail(USER_ERROR, describe(e), e);
      case InvalidPathException e ->
          fail(USER_ERROR, "'" + e.getInput() + "' is not a file name: " + e.getReason(), e);
      case OutOfMemoryError e -> fail(USER_ERROR, outOfMemory(e), e);
      default ->
          fail(
              INTERNAL_ERROR,
              "internal error (please report it with the output of --stacktrace): " + failure,
              failure);
    };
  }

  private int fail(int code, String line, Throwable failure) {
    console.error(line);
    if (root.wantsStackTrace()) {
      console.stackTrace(failure);
    }
    return code;
  }

  /** Returns a one-line description of an I/O error, with the file if it is known. */
  static String describe(IOException e) {
    if (e instanceof EngineProblem) {
      return Objects.toString(e.getMessage());
    }
    String message = Objects.requireNonNullElse(e.getMessage(), e.getClass().getSimpleName());
    if (!(e instanceof FileSystemException f)) {
      return e instanceof FileNotFoundException ? message : "input or output failed: " + message;
    }
    String reason =
        switch (f) {
          case NoSuchFileException _ -> "no such file or folder";
          case AccessDeniedException _ -> "permission denied";
          case FileAlreadyExistsException _ -> "already exists";
          case NotDirectoryException _ -> "is not a folder";
          case DirectoryNotEmptyException _ -> "the folder is not empty";
          case FileSystemLoopException _ -> "symbolic links form a loop";
          default -> Objects.requireNonNullElse(f.getReason(), f.getClass().getSimpleName());
        };
    return f.getFile() == null ? reason : f.getFile() + ": " + reason;
  }

  private static String outOfMemory(OutOfMemoryError e) {
    String detail = Objects.requireNonNullElse(e.getMessage(), "no detail");
    if (detail.contains("native thread")) { // what the JVM calls it, whatever the cause
      return "no more threads can be started: use fewer (--threads), or raise the limit of processes"
          + " (ulimit -u, pids.max of the container)";
    }
    long megabytes = Runtime.getRuntime().maxMemory() >> 20;
    return "out of memory (%s; the Java heap is limited to %d MB): close other programs,"
            .formatted(detail, megabytes)
        + " use a smaller model, batch or context, or increase the heap with TF_JAVA_OPTS=-Xmx"
        + 2 * megabytes
        + "m";
  }
}
