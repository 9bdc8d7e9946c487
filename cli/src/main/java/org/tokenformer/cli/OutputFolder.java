package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.checkpoint.AtomicFolder;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import picocli.CommandLine.Option;

/** Options of the folder that a command creates. */
final class OutputFolder {
  @Option(
      names = {"-o", "--output"},
      required = true,
      paramLabel = "DIR",
      description = "Folder to create, or an existing empty one.")
  private @Nullable Path folder;

  @Option(
      names = "--force",
      description =
          "Replace DIR if it exists; only if it holds exactly the files that this command writes.")
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
      OutputFile.requireFolder(path);
      return IfExists.REFUSE;
    }
    if (!Files.exists(path)) {
      throw new UserError(
          "%s: is a link to %s, which does not exist; choose another name"
              .formatted(path, Files.readSymbolicLink(path)));
    }
    if (!Files.isDirectory(path)) {
      throw new UserError(path + ": exists and is not a folder; choose another name");
    }
    if (!Files.isWritable(path)) {
      throw OutputFile.notWritable(path, path);
    }
    Set<String> content = content(path);
    if (!content.isEmpty()) {
      refuseForeign(path, content, files);
      if (!force) {
        throw new UserError(path + ": already exists; add --force to replace it");
      }
    }
    return IfExists.REPLACE;
  }

  /** Returns the names in a folder, without what a killed writer left there. */
  private static Set<String> content(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> !AtomicFolder.isLeftover(file))
          .map(file -> file.getFileName().toString())
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  /** Rejects folders that the command did not write, even if some file names match. */
  private static void refuseForeign(Path path, Set<String> content, Set<String> files) {
    for (String name : content) {
      if (!files.contains(name)
          || !Files.isRegularFile(path.resolve(name), LinkOption.NOFOLLOW_LINKS)) {
        throw foreignFolder(path, "holds", name);
      }
    }
    for (String name : new TreeSet<>(files)) {
      if (!content.contains(name)) {
        throw foreignFolder(path, "has no", name);
      }
    }
  }

  private static UserError foreignFolder(Path path, String verb, String name) {
    return new UserError(
        "%s: exists and %s '%s', so this command did not write it; choose another name"
            .formatted(path, verb, name));
  }
}
