package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import picocli.CommandLine.Option;

/** The folder that a command makes. */
final class OutputFolder {
  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "DIR",
      description = "The folder to make.")
  private @Nullable Path folder;

  @Option(
      names = "--force",
      description = "Replaces DIR if it exists, unless it holds other things than a model.")
  private boolean force;

  Path path() {
    return Objects.requireNonNull(folder);
  }

  /**
   * Looks whether the folder may be written, before any work is done for it. Replacing deletes what
   * is there, so that must be nothing but what such a folder holds.
   *
   * @param files names of what such a folder holds
   */
  IfExists check(Set<String> files) throws IOException {
    Path path = path();
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return IfExists.REFUSE;
    }
    if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      throw new UserError(path + ": exists and is not a folder; choose another name");
    }
    try (Stream<Path> content = Files.list(path)) {
      String foreign =
          content
              .map(file -> file.getFileName().toString())
              .filter(name -> !files.contains(name))
              .sorted()
              .findFirst()
              .orElse(null);
      if (foreign != null) {
        throw new UserError(
            path
                + ": exists and holds '"
                + foreign
                + "', which is not part of a model; choose"
                + " another name");
      }
    }
    if (!force) {
      throw new UserError(path + ": exists already; add --force to replace it");
    }
    return IfExists.REPLACE;
  }
}
