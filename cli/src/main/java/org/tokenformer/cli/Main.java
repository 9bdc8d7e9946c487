package org.tokenformer.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Locale;
import org.tokenformer.cli.console.Console;

/** Starts the command line. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    Locale.setDefault(Locale.ROOT); // output is for programs too: no decimal commas
    System.exit(run(Console.ofProcess(), args));
  }

  /** Runs one command and returns its exit code; nothing is left unwritten in {@code console}. */
  static int run(Console console, String... args) {
    var root = new RootCommand(console);
    var failures = new Failures(console, root);
    try {
      // picocli would print a stack trace where help cannot be written; so it writes to memory.
      var help = new StringWriter();
      int code = CommandTree.of(root, failures, args).setOut(new PrintWriter(help)).execute(args);
      console.out().print(help.toString());
      console.out().flush();
      return code;
    } catch (Throwable e) { // the last resort: also errors of the JVM get their line
      return failures.report(e);
    }
  }
}
