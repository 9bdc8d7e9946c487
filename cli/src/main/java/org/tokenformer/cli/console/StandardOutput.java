package org.tokenformer.cli.console;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;

/**
 * Results, in UTF-8 whatever the locale, with {@code \n} at the end of lines. Buffered: whoever
 * streams text to a reader calls {@link #flush()}. Unlike {@link java.io.PrintStream} it never
 * swallows an error: the first write or flush that fails throws {@link OutputFailure}, and what
 * comes after it is dropped.
 */
public final class StandardOutput extends Writer {
  private final Writer out;
  private boolean failed;

  StandardOutput(OutputStream stream) {
    this.out = new BufferedWriter(new OutputStreamWriter(stream, UTF_8));
  }

  public void print(String text) {
    write(text, 0, text.length());
  }

  public void println(String line) {
    print(line);
    write('\n');
  }

  @Override
  public void write(int c) {
    attempt(() -> out.write(c));
  }

  @Override
  public void write(char[] text, int from, int length) {
    attempt(() -> out.write(text, from, length));
  }

  @Override
  public void write(String text, int from, int length) {
    attempt(() -> out.write(text, from, length));
  }

  @Override
  public void flush() {
    attempt(out::flush);
  }

  /** Flushes only: the process closes the descriptor when it ends. */
  @Override
  public void close() {
    flush();
  }

  private void attempt(Write write) {
    if (failed) {
      return; // it has been reported
    }
    try {
      write.run();
    } catch (IOException e) {
      failed = true;
      throw new OutputFailure(e);
    }
  }

  private interface Write {
    void run() throws IOException;
  }
}
