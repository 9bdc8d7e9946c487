package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import picocli.CommandLine.Option;

/** Options of the folder that a command creates. */
final class OutputFolder {
  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "DIR",
      description = "Folder to create.")
  private @Nullable Path folder;

  @Option(
      names = "--force",
      description =
          "Replace DIR if it exists; only if it is empty or holds exactly the files that this command writes.")
  private boolean force;

  Path path() {
    return Objects.requireNonNull(folder);
  }

  /**
   * Checks whether the folder may be written, before any work is done for it. Replacing deletes the
   * content, so the folder must be empty or hold exactly the files that the command writes.
   *
   * @param files names of the files that the command writes
   */
  IfExists check(Set<String> files) throws IOException {
    Path path = path();
    if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
      return IfExists.REFUSE;
    }
    if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      throw new UserError(path + ": exists and is not a folder; choose another name");
    }
    refuseForeign(path, files);
    if (!force) {
      throw new UserError(path + ": already exists; add --force to replace it");
    }
    return IfExists.REPLACE;
  }

  /** Rejects folders that the command did not write, even if some file names match. */
  private static void refuseForeign(Path path, Set<String> files) throws IOException {
    var missing = new TreeSet<>(files);
    var foreign = new TreeSet<String>();
    try (Stream<Path> content = Files.list(path)) {
      content.forEach(file -> {
        String name = file.getFileName().toString();
        if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) || !missing.remove(name)) {
          foreign.add(name);
        }
      });
    }
    if (!foreign.isEmpty()) {
      throw foreignFolder(path, "holds", foreign.first());
    }
    if (!missing.isEmpty() && missing.size() < files.size()) {
      throw foreignFolder(path, "has no", missing.first());
    }
  }

  private static UserError foreignFolder(Path path, String verb, String name) {
    return new UserError(
        "%s: exists and %s '%s', so this command did not write it; choose another name"
            .formatted(path, verb, name));
  }
}
