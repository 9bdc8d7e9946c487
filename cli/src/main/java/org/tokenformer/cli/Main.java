package org.tokenformer.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Locale;
import org.tokenformer.cli.console.Arguments;
import org.tokenformer.cli.console.Console;

/** The entry point of the command line. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    Locale.setDefault(Locale.ROOT); // no decimal commas in output
    Console console = Console.ofProcess();
    String invalid = Arguments.firstInvalid(args);
    if (invalid != null) {
      console.error("the argument '" + invalid + "' is not UTF-8; convert it to UTF-8 first");
      System.exit(Failures.USER_ERROR);
    }
    System.exit(run(console, args));
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
