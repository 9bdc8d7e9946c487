package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.files.ModelFolder;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/**
 * Rejects a command whose output would replace one of its inputs, with or without {@code --force}.
 * The option {@code --output} names the output. Every other option or parameter of type {@link
 * Path} names inputs, so commands need not declare them.
 *
 * <p>Files are compared by identity (device and inode), so links and other spellings of a name make
 * no difference.
 */
final class OutputGuard {
  private static final String OUTPUT = "--output";

  /** The label of outputs that are folders. */
  private static final String FOLDER = "DIR";

  private static final Path STANDARD_INPUT = Path.of("/dev/stdin");
  private static final Path STANDARD_OUTPUT = Path.of("/dev/stdout");

  /** A command that may continue in an existing output folder. */
  interface ContinuesFolder {
    /**
     * Returns the files that the command replaces in the folder if it continues there; empty if the
     * whole folder is its output.
     */
    Collection<Path> replacedFiles();
  }

  /**
   * An input.
   *
   * @param given the path as the user wrote it
   * @param name of the option or parameter
   */
  private record Input(Path given, String name) {
    Path path() {
      return given.toString().equals("-") ? STANDARD_INPUT : given;
    }
  }

  private OutputGuard() {}

  /**
   * Checks the parsed arguments of a command.
   *
   * @throws UserError if the output is an input, is inside an input or contains an input
   */
  static void check(CommandSpec command) {
    List<Input> inputs = inputs(command);
    refuseStandardOutput(inputs);
    OptionSpec option = command.findOption(OUTPUT);
    Path output = option == null ? null : option.getValue();
    if (output == null) {
      return;
    }
    boolean isFolder = option.paramLabel().equals(FOLDER);
    String written = option.originalStringValues().getLast();
    if (!isFolder && !Files.isDirectory(output) && written.endsWith("/")) {
      throw new UserError(written + ": names a folder, but the output is a file; give a file name");
    }
    Collection<Path> replaced =
        command.userObject() instanceof ContinuesFolder run ? run.replacedFiles() : List.of();
    for (Input input : inputs) {
      for (Path file : replaced) {
        refuse(isSame(file, input.path()), file + ": the output", "is the same file as", input);
      }
      if (replaced.isEmpty()) {
        check(output, isFolder, input);
      }
    }
  }

  /** Returns the given paths other than the output, and the default model. */
  private static List<Input> inputs(CommandSpec command) {
    List<Input> inputs = new ArrayList<>();
    for (ArgSpec argument : command.args()) {
      if (!isPath(argument) || isOutput(argument)) {
        continue;
      }
      String name =
          argument instanceof OptionSpec option ? option.longestName() : argument.paramLabel();
      Object value = argument.getValue();
      if (value instanceof Path path) {
        inputs.add(new Input(path, name));
      } else if (value instanceof Collection<?> paths) {
        paths.forEach(path -> inputs.add(new Input((Path) path, name)));
      }
    }
    Path defaultModel = DefaultModel.folder();
    if (defaultModel != null) {
      inputs.add(new Input(defaultModel, "the default model"));
    }
    return inputs;
  }

  static boolean isPath(ArgSpec argument) {
    return argument.type() == Path.class || List.of(argument.auxiliaryTypes()).contains(Path.class);
  }

  static boolean isOutput(ArgSpec argument) {
    return argument instanceof OptionSpec option && List.of(option.names()).contains(OUTPUT);
  }

  /** Results appended to an input would be read as input again, without end. */
  private static void refuseStandardOutput(List<Input> inputs) {
    if (!Files.isRegularFile(STANDARD_OUTPUT)) {
      return;
    }
    for (Input input : inputs) {
      boolean same = isSame(STANDARD_OUTPUT, input.path());
      refuse(same, "standard output", "is the same file as", input);
    }
  }

  private static void check(Path output, boolean isFolder, Input input) {
    String name = output + ": the output";
    Path path = input.path();
    List<Path> files = filesIn(path);
    refuse(isSame(output, path), name, "is the same as", input);
    refuse(files.stream().anyMatch(file -> isSame(output, file)), name, "is a file of", input);
    boolean contains =
        isInside(path, output) || files.stream().anyMatch(file -> isInside(file, output));
    refuse(isFolder && contains, name, "contains", input);
    // A new file changes nothing that is in the folder; a new folder makes a model folder foreign.
    boolean changes = Files.exists(output) || (isFolder && isModel(path));
    refuse(changes && isInside(output, path), name, "is inside", input);
  }

  private static boolean isModel(Path folder) {
    return Files.exists(folder.resolve(ModelFolder.CONFIG_FILE));
  }

  private static void refuse(boolean wrong, String output, String relation, Input input) {
    if (wrong) {
      throw new UserError(
          "%s %s the input %s (%s); choose another output"
              .formatted(output, relation, input.given, input.name));
    }
  }

  private static boolean isSame(Path a, Path b) {
    Object key = key(a);
    return key != null && key.equals(key(b));
  }

  /** Returns whether a file, existing or not, is somewhere inside a folder. */
  private static boolean isInside(Path file, Path folder) {
    if (!Files.isDirectory(folder)) {
      return false;
    }
    for (Path at = folderOf(file); at != null; at = at.getParent()) {
      if (isSame(at, folder)) {
        return true;
      }
    }
    return false;
  }

  /** Returns the real path of the folder that a file is in, or of the nearest one that exists. */
  private static @Nullable Path folderOf(Path file) {
    Path at = file.toAbsolutePath();
    try {
      if (Files.exists(at)) {
        return at.toRealPath().getParent();
      }
      while (at != null && !Files.exists(at)) {
        at = at.getParent();
      }
      return at == null ? null : at.toRealPath();
    } catch (IOException e) {
      return null; // the command reports it
    }
  }

  private static List<Path> filesIn(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    } catch (IOException e) {
      return List.of(); // the command reports it
    }
  }

  /** Returns the identity of a file, after links; null if it does not exist. */
  private static @Nullable Object key(Path file) {
    try {
      Object key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
      return key != null ? key : file.toRealPath(); // not all systems have such keys
    } catch (IOException e) {
      return null;
    }
  }
}
