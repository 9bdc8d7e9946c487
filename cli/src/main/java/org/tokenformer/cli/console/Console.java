package org.tokenformer.cli.console;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The standard streams of the program. Standard output carries only results; notes, warnings,
 * errors and progress go to standard error, line by line.
 */
public final class Console {
  /** Set by the launcher to the descriptor number of the user's standard error. */
  private static final String STDERR_PROPERTY = "tokenformer.stderr";

  /** Set by the launcher if standard error is a terminal, which Java cannot detect. */
  private static final String TERMINAL_PROPERTY = "tokenformer.terminal";

  /** Set by the launcher to the width of the terminal, if it knows it. */
  private static final String COLUMNS_PROPERTY = "tokenformer.columns";

  private static final int DEFAULT_COLUMNS = 80;

  /** Set by the launcher if standard input is a terminal. */
  private static final String INPUT_TERMINAL_PROPERTY = "tokenformer.input.terminal";

  private final InputStream in;
  private final StandardOutput out;
  private final PrintStream err;
  private final boolean live;
  private boolean quiet;
  private @Nullable StatusLine status;

  /**
   * Creates a console.
   *
   * @param live whether {@code err} is a terminal whose lines may be redrawn
   */
  public Console(InputStream in, OutputStream out, PrintStream err, boolean live) {
    this.in = in;
    this.out = new StandardOutput(out);
    this.err = err;
    this.live = live;
  }

  /** Returns the console of this process. */
  public static Console ofProcess() {
    FileDescriptor stderr = FileDescriptor.err;
    Integer descriptor = Integer.getInteger(STDERR_PROPERTY);
    if (descriptor != null) {
      stderr = inherited(descriptor);
    }
    var err = new PrintStream(new FileOutputStream(stderr), true, StandardCharsets.UTF_8);
    System.setErr(err);
    return new Console(
        new StandardInput(new FileInputStream(FileDescriptor.in)),
        new FileOutputStream(FileDescriptor.out),
        err,
        Boolean.getBoolean(TERMINAL_PROPERTY) && mayRedraw());
  }

  /** Returns whether standard input is a terminal, so that the user must type it. */
  public static boolean inputIsTerminal() {
    return Boolean.getBoolean(INPUT_TERMINAL_PROPERTY);
  }

  /**
   * Returns the descriptor of this number. The JVM prints a notice about incubator modules on
   * descriptor 2, which cannot be disabled, so the launcher passes the user's standard error as
   * another descriptor and discards 2. Opening {@code /dev/fd/N} does not work: it fails for
   * sockets, and two offsets into one file overwrite each other.
   */
  private static FileDescriptor inherited(int descriptor) {
    try {
      Constructor<FileDescriptor> byNumber = FileDescriptor.class.getDeclaredConstructor(int.class);
      byNumber.setAccessible(true);
      return byNumber.newInstance(descriptor);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(
          "the JVM must be started with --add-opens=java.base/java.io=ALL-UNNAMED", e);
    }
  }

  private static boolean mayRedraw() {
    String noColor = System.getenv("NO_COLOR"); // https://no-color.org: any value but the empty one
    return (noColor == null || noColor.isEmpty()) && !"dumb".equals(System.getenv("TERM"));
  }

  public InputStream in() {
    return in;
  }

  public StandardOutput out() {
    return out;
  }

  /** Turns off notes and progress; warnings and errors are still shown. */
  public void quiet() {
    quiet = true;
  }

  /** Returns whether notes and progress are turned off. */
  public boolean isQuiet() {
    return quiet;
  }

  /** Prints a line of statistics or progress, unless quiet. */
  public void note(String line) {
    if (!quiet) {
      line(OneLine.of(line));
    }
  }

  public void warn(String line) {
    line("warning: " + OneLine.of(line));
  }

  public void error(String line) {
    line("error: " + OneLine.of(line));
  }

  public void stackTrace(Throwable problem) {
    clearStatus();
    problem.printStackTrace(err);
  }

  /**
   * Starts a progress bar, which replaces the previous one.
   *
   * @param total total units, or 0 if unknown
   * @param unit such as "tokens", or "B" for bytes
   */
  public ProgressBar progress(String label, long total, String unit) {
    return new ProgressBar(status(), label, total, unit);
  }

  /** Starts a status line, which replaces the previous one. */
  public StatusLine status() {
    clearStatus();
    StatusLine line = new StatusLine(this::raw, live, columns(), System::nanoTime);
    status = line;
    return line;
  }

  /** Returns the width of the terminal; 80 if it is unknown. */
  private static int columns() {
    int columns = Integer.getInteger(COLUMNS_PROPERTY, DEFAULT_COLUMNS);
    return columns > 0 ? columns : DEFAULT_COLUMNS; // some terminals report 0
  }

  private void raw(String text) {
    if (!quiet) {
      err.print(text);
      err.flush();
    }
  }

  private void line(String line) {
    clearStatus();
    err.print(line + "\n");
    err.flush();
  }

  private void clearStatus() {
    if (status != null) {
      status.clear();
    }
  }
}
