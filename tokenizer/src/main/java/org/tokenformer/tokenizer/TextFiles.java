package org.tokenformer.tokenizer;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.tokenizer.TextLines.Changes;
import org.tokenformer.tokenizer.kind.FolderKind;

/**
 * Opens the texts that a program is given by name, all by the same rules. The name {@code -} can
 * mean standard input, which can be read only once.
 */
public final class TextFiles {
  private static final Path STANDARD_INPUT = Path.of("-");

  /** Receives what was changed in a text. */
  @FunctionalInterface
  public interface Listener {
    /**
     * Called once for each text in which something was changed, after it has been read.
     *
     * @param name the name of the text in messages
     */
    void changed(String name, Changes changes);
  }

  private final TextRules rules;
  private final @Nullable InputStream standardInput;
  private final Listener listener;
  private boolean standardInputRead;

  /**
   * Creates an object for the texts of one task.
   *
   * @param standardInput what {@code -} means; null if it is a file like any other
   */
  public TextFiles(TextRules rules, @Nullable InputStream standardInput, Listener listener) {
    this.rules = rules;
    this.standardInput = standardInput;
    this.listener = listener;
  }

  /** Creates an object for files of plain text; changes are not reported. */
  public static TextFiles plain() {
    return new TextFiles(TextRules.PROSE, null, (name, changes) -> {});
  }

  /** Returns whether this name means standard input. */
  public boolean isStandardInput(Path file) {
    return standardInput != null && file.equals(STANDARD_INPUT);
  }

  /**
   * Checks names, so that a wrong one is rejected before hours are spent on the files before it.
   *
   * @throws NoSuchFileException if a file does not exist
   * @throws TokenizerException if one is a folder or if standard input is named twice
   */
  public void check(List<Path> files) throws IOException {
    boolean named = standardInputRead;
    for (Path file : files) {
      if (isStandardInput(file)) {
        if (named) {
          throw new TokenizerException(
              "-: standard input can be read only once; write it to a file first");
        }
        named = true;
      } else if (!Files.exists(file)) {
        throw new NoSuchFileException(file.toString());
      } else if (Files.isDirectory(file)) {
        throw new TokenizerException(file + ": " + FolderKind.describe(file));
      }
    }
  }

  /**
   * Opens a text.
   *
   * @throws IOException as {@link #check} and {@link TextLines#of} do, or if the file cannot be
   *     read
   */
  public TextLines open(Path file) throws IOException {
    check(List.of(file));
    if (standardInput != null && isStandardInput(file)) {
      standardInputRead = true;
      return open(standardInput, "standard input");
    }
    return open(Files.newInputStream(file), file.toString());
  }

  private TextLines open(InputStream in, String name) throws IOException {
    try {
      return new TextLines(in, name, rules, changes -> listener.changed(name, changes));
    } catch (IOException | RuntimeException | Error e) {
      in.close();
      throw e;
    }
  }

  /** Returns the size of all files in bytes, or 0 if it is unknown. */
  public long size(List<Path> files) throws IOException {
    long total = 0;
    for (Path file : files) {
      if (isStandardInput(file) || !Files.isRegularFile(file)) {
        return 0;
      }
      total += Files.size(file);
    }
    return total;
  }
}
