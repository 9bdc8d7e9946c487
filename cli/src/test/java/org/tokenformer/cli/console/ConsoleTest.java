package org.tokenformer.cli.console;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

class ConsoleTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final Console console =
      new Console(
          new ByteArrayInputStream(new byte[0]), out, new PrintStream(err, true, UTF_8), false);

  @Test
  void resultsAreUtf8WhateverTheLocaleAndAppearAfterAFlush() {
    console.out().print("Größe 🙂");
    console.out().println("");
    assertEquals("", out.toString(UTF_8));
    console.out().flush();
    assertEquals("Größe 🙂\n", out.toString(UTF_8));
  }

  @Test
  void quietSilencesNotesAndProgressButNoWarning() {
    console.note("before");
    console.quiet();
    console.note("12 tokens a second");
    try (ProgressBar bar = console.progress("training", 10, "steps")) {
      bar.update(10);
    }
    console.warn("slow\nbackend");
    console.error("x: wrong");
    assertEquals("before\nwarning: slow\\nbackend\nerror: x: wrong\n", err.toString(UTF_8));
    assertEquals("", out.toString(UTF_8));
  }

  @Test
  void overlongMessagesAreCut() {
    console.error("x".repeat(10_000));
    assertEquals("error: " + "x".repeat(2000) + "…\n", err.toString(UTF_8));
  }
}
