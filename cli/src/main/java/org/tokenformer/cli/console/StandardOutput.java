package org.tokenformer.cli.console;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Writer;

/**
 * Standard output, in UTF-8 in any locale, with {@code \n} as line separator. It is buffered;
 * callers that stream text must call {@link #flush()}. Unlike {@link java.io.PrintStream} it
 * reports errors: the first failed write or flush throws {@link OutputFailure}, and later output is
 * discarded.
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

  /** Only flushes; the descriptor is closed when the process exits. */
  @Override
  public void close() {
    flush();
  }

  private void attempt(Write write) {
    if (failed) {
      return; // already reported
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
