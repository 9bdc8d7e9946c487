package org.tokenformer.cli;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.ProgressBar;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.tokenizer.DocumentEncoder;
import org.tokenformer.tokenizer.Tokenizer;

/**
 * Texts turned into ids, in the same manner for every command that measures, trains or prepares.
 */
final class Texts {
  /** The name that stands for standard input. */
  static final Path STANDARD_INPUT = Path.of("-");

  /** Receives the ids of texts. */
  interface Sink {
    /**
     * Takes a run of ids, which is valid during the call only.
     *
     * @param endsDocument whether it is the last of its document, with the end-of-text id
     */
    void accept(IntArrayList ids, boolean endsDocument) throws IOException;

    /** Whether no more is wanted, which ends the reading. */
    default boolean isFull() {
      return false;
    }
  }

  private Texts() {}

  /**
   * Reads texts one after the other, with a progress bar over all of them. That each is there is
   * seen to before the first is read.
   *
   * @return the bytes of the texts
   */
  static long read(Console console, String label, List<Path> texts, Tokenizer tokenizer, Sink sink)
      throws IOException {
    long done = 0;
    try (ProgressBar progress = console.progress(label, size(texts), "B")) {
      for (Path text : texts) {
        boolean standard = text.equals(STANDARD_INPUT);
        try (InputStream in = standard ? console.in() : Files.newInputStream(text)) {
          String name = standard ? "standard input" : text.toString();
          DocumentEncoder encoder = new DocumentEncoder(tokenizer, in, name);
          while (!sink.isFull() && encoder.next()) {
            sink.accept(encoder.ids(), encoder.endsDocument());
            progress.update(done + encoder.bytesRead());
          }
          done += encoder.bytesRead();
        }
      }
      progress.update(done);
    }
    return done;
  }

  /** The bytes of all texts, or 0 where that is not known beforehand. */
  private static long size(List<Path> texts) throws IOException {
    long total = 0;
    boolean known = true;
    for (Path text : texts) {
      if (text.equals(STANDARD_INPUT)) {
        known = false;
      } else if (Files.isDirectory(text)) {
        throw new UserError(text + ": is a folder; name a text");
      } else {
        total += Files.size(text);
        known &= Files.isRegularFile(text);
      }
    }
    return known ? total : 0;
  }
}
