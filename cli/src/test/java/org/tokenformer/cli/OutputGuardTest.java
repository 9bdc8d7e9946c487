package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.cli.console.Console;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/** No command replaces its inputs, however they are named. */
class OutputGuardTest {
  /** The paths that commands read. A new one that is written instead must be named --output. */
  private static final Set<String> INPUTS =
      Set.of(
          "--model",
          "--base",
          "--pack",
          "--tokenizer",
          "--data",
          "--valid",
          "--checkpoint",
          "--config",
          "FILE",
          "TEXT",
          "DIR");

  @TempDir Path folder;

  /** All commands by name, such as {@code pack save}. */
  private static Map<String, CommandLine> commands() {
    var console =
        new Console(
            InputStream.nullInputStream(), OutputStream.nullOutputStream(), System.err, false);
    var root = new RootCommand(console);
    Map<String, CommandLine> commands = new TreeMap<>();
    collect("", CommandTree.of(root, new Failures(console, root)), commands);
    return commands;
  }

  private static void collect(String prefix, CommandLine tree, Map<String, CommandLine> to) {
    tree.getSubcommands()
        .forEach((name, command) -> {
          to.put(prefix + name, command);
          collect(prefix + name + " ", command, to);
        });
  }

  private static String name(ArgSpec argument) {
    return argument instanceof OptionSpec option ? option.longestName() : argument.paramLabel();
  }

  private static List<ArgSpec> inputs(CommandLine command) {
    return command.getCommandSpec().args().stream()
        .filter(argument -> OutputGuard.isPath(argument) && !OutputGuard.isOutput(argument))
        .toList();
  }

  @Test
  void everyPathIsAKnownInputOrTheOutput() {
    Set<String> writing = new TreeSet<>();
    commands()
        .forEach((name, command) -> {
          for (ArgSpec argument : inputs(command)) {
            assertTrue(
                INPUTS.contains(name(argument)),
                () -> name + ": is " + name(argument) + " read or written?");
          }
          if (command.getCommandSpec().findOption("--output") != null) {
            writing.add(name);
          }
        });
    assertEquals(
        Set.of(
            "explain",
            "export",
            "grow",
            "import",
            "pack merge",
            "pack save",
            "prepare",
            "quantize",
            "shrink",
            "train",
            "train-tokenizer"),
        writing);
  }

  /** Each command with an output, each of its inputs: the output is that input. */
  @Test
  void noCommandTakesAnInputAsItsOutput() throws IOException {
    Path shared = Files.writeString(folder.resolve("shared"), "mine");
    Path other = Files.writeString(folder.resolve("other"), "other");
    int tried = 0;
    for (Map.Entry<String, CommandLine> command : commands().entrySet()) {
      if (command.getValue().getCommandSpec().findOption("--output") == null) {
        continue;
      }
      for (ArgSpec input : inputs(command.getValue())) {
        List<String> args = new ArrayList<>(List.of(command.getKey().split(" ")));
        for (ArgSpec argument : command.getValue().getCommandSpec().args()) {
          if (argument.required() || argument.equals(input)) {
            boolean isShared = argument.equals(input) || OutputGuard.isOutput(argument);
            add(args, argument, isShared ? shared : other);
          }
        }
        if (!args.contains("--output")) {
          args.addAll(List.of("--output", shared.toString()));
        }
        if (command.getValue().getCommandSpec().findOption("--force") != null) {
          args.add("--force");
        }
        CommandLineFixtures.assertRefused(
            List.of(shared + ": the output is the same as the input " + shared, name(input)),
            args.toArray(String[]::new));
        tried++;
      }
    }
    assertEquals("mine", Files.readString(shared));
    assertTrue(tried >= 20, tried + " inputs");
  }

  private static void add(List<String> args, ArgSpec argument, Path path) {
    if (argument instanceof OptionSpec option) {
      args.add(option.longestName());
    }
    String other = argument.paramLabel().equals("N") ? "300" : "q8";
    args.add(OutputGuard.isPath(argument) ? path.toString() : other);
  }

  @Test
  void linksAndOtherSpellingsAreSeenThrough() throws IOException {
    Path text = Files.writeString(folder.resolve("text"), "Once upon a time.\n");
    Path link = Files.createSymbolicLink(folder.resolve("link"), text);
    Path hard = Files.createLink(folder.resolve("hard"), text);
    Path same = Files.createSymbolicLink(folder.resolve("same"), folder);
    for (Path output :
        List.of(
            link,
            hard,
            same.resolve("text"),
            same.resolve("same").resolve("hard"),
            folder.resolve("..").resolve(folder.getFileName()).resolve("text"))) {
      for (Path[] pair : new Path[][] {{output, text}, {text, output}}) {
        CommandLineFixtures.assertRefused(
            List.of(pair[0] + ": the output is the same as the input " + pair[1]),
            trainTokenizer(pair[0], pair[1]));
      }
    }
    assertEquals("Once upon a time.\n", Files.readString(text));
    Result other = CommandLineHarness.run(trainTokenizer(folder.resolve("new"), link));
    assertEquals(0, other.code(), other.err());
  }

  private static String[] trainTokenizer(Path output, Path text) {
    return new String[] {
      "train-tokenizer", "--vocab-size=300", "--force", "-o", output.toString(), text.toString()
    };
  }

  @Test
  void foldersAreProtectedWithWhatIsInThem() throws IOException {
    Path model = CommandLineFixtures.model(folder);
    Path view = Files.createDirectory(folder.resolve("view"));
    for (String file : CommandLineFixtures.content(model)) {
      Files.createSymbolicLink(view.resolve(file), model.resolve(file));
    }
    refuses(model.resolve("q8"), "is inside", quantize(model, model.resolve("q8")));
    refuses(folder, "contains", quantize(model, folder));
    refuses(model, "contains", quantize(view, model));
    Path config = model.resolve("config.json");
    refuses(config, "is a file of", explain(model, config));
    refuses(config, "is a file of", explain(view, config));
    assertEquals(3, CommandLineFixtures.content(model).size());

    Path page = model.resolve("page.html"); // replaces nothing
    Result explained = CommandLineHarness.run(explain(model, page));
    assertEquals(0, explained.code(), explained.err());
    assertTrue(Files.exists(page));
  }

  private static void refuses(Path output, String relation, String... args) {
    CommandLineFixtures.assertRefused(
        List.of(output + ": the output " + relation + " the input", "(--model)"), args);
  }

  private static String[] quantize(Path model, Path output) {
    return new String[] {
      "quantize", "--type=q8", "--force", "-m", model.toString(), "-o", output.toString()
    };
  }

  private static String[] explain(Path model, Path output) {
    return new String[] {
      "explain", "--max-tokens=1", "--force", "-m", model.toString(), "-o", output.toString(), "On"
    };
  }

  @Test
  void aResumedRunMayReadFromItsFolderButNotWhatItReplaces() throws IOException {
    Path run = Files.createDirectory(folder.resolve("run"));
    Path metrics = Files.writeString(run.resolve("metrics.jsonl"), "mine");
    Path text = Files.writeString(run.resolve("text"), "mine");
    String[] train = {"train", "--resume", "-o", run.toString(), "--data"};
    CommandLineFixtures.assertRefused(
        List.of(metrics + ": the output is the same file as the input"),
        with(train, metrics.toString()));
    CommandLineFixtures.assertRefused(
        List.of(run + ": has no checkpoint to resume from"), with(train, text.toString()));
    String[] fresh = {"train", "-o", run.toString(), "--data", text.toString()};
    CommandLineFixtures.assertRefused(List.of(run + ": the output contains the input"), fresh);
    assertEquals("mine", Files.readString(metrics));
  }

  private static String[] with(String[] args, String more) {
    List<String> all = new ArrayList<>(List.of(args));
    all.add(more);
    return all.toArray(String[]::new);
  }

  @Test
  void filesAreNoFoldersAndNoDevices() throws IOException {
    Path text = Files.writeString(folder.resolve("text"), "Once upon a time.\n");
    String[] slash = trainTokenizer(folder.resolve("new"), text);
    slash[4] += "/";
    CommandLineFixtures.assertRefused(List.of("new/: names a folder"), slash);
    for (String device : List.of("/dev/null", "/dev/stdout", "/proc/self/fd/1")) {
      if (Files.exists(Path.of(device))) {
        CommandLineFixtures.assertRefused(
            List.of(device + ": is a pipe or device"), trainTokenizer(Path.of(device), text));
      }
    }
    CommandLineFixtures.assertRefused(
        List.of("-: cannot write to standard output", "./-"), trainTokenizer(Path.of("-"), text));
    Path below = text.resolve("tokenizer.json");
    CommandLineFixtures.assertRefused(
        List.of(below + ": cannot write: " + text + " is a file"), trainTokenizer(below, text));
    Path dangling = Files.createSymbolicLink(folder.resolve("dangling"), folder.resolve("none"));
    assertEquals(0, CommandLineHarness.run(trainTokenizer(dangling, text)).code());
    assertFalse(Files.isSymbolicLink(dangling));
    assertEquals(List.of("dangling", "text"), CommandLineFixtures.content(folder));
  }
}
