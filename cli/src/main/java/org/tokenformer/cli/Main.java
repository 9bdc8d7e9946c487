package org.tokenformer.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Locale;
import org.tokenformer.cli.console.Console;

/** The entry point of the command line. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    Locale.setDefault(Locale.ROOT); // no decimal commas in output
    System.exit(run(Console.ofProcess(), args));
  }

  /** Runs one command, flushes its output and returns its exit code. */
  static int run(Console console, String... args) {
    var root = new RootCommand(console);
    var failures = new Failures(console, root);
    try {
      // Help goes to memory first: picocli prints a stack trace if it cannot write.
      var help = new StringWriter();
      int code = CommandTree.of(root, failures, args).setOut(new PrintWriter(help)).execute(args);
      console.out().print(help.toString());
      console.out().flush();
      return code;
    } catch (Throwable e) { // errors of the JVM, too, get one line
      return failures.report(e);
    }
  }
}
