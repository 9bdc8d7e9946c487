package org.tokenformer.cli;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.model.files.WeightType;
import picocli.CommandLine;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.Help;
import picocli.CommandLine.ParseResult;

/** All commands and the picocli settings that they share. */
final class CommandTree {
  private static final int HELP_WIDTH = 100;

  /** In the order of the help: the most used first. */
  private static final List<Map.Entry<String, Function<Console, Object>>> COMMANDS =
      List.of(
          Map.entry("generate", GenerateCommand::new),
          Map.entry("explain", ExplainCommand::new),
          Map.entry("score", ScoreCommand::new),
          Map.entry("eval", EvalCommand::new),
          Map.entry("train", TrainCommand::of),
          Map.entry("grow", GrowCommand::new),
          Map.entry("pack", PackCommand::tree),
          Map.entry("shrink", ShrinkCommand::new),
          Map.entry("quantize", QuantizeCommand::new),
          Map.entry("import", ImportCommand::new),
          Map.entry("export", ExportCommand::new),
          Map.entry("inspect", InspectCommand::new),
          Map.entry("tokenize", TokenizeCommand::new),
          Map.entry("train-tokenizer", TrainTokenizerCommand::new),
          Map.entry("prepare", PrepareCommand::new),
          Map.entry("bench", BenchCommand::new),
          Map.entry("doctor", DoctorCommand::new),
          Map.entry("completion", CompletionCommand::new));

  private CommandTree() {}

  /** Runs a command after the check that its output replaces none of its inputs. */
  private static final class GuardedRun extends CommandLine.RunLast {
    @Override
    protected List<Object> handle(ParseResult arguments) {
      CommandLine command = arguments.asCommandLineList().getLast();
      try {
        OutputGuard.check(command.getCommandSpec());
      } catch (UserError e) {
        throw new ExecutionException(command, "the output would replace an input", e);
      }
      return super.handle(arguments);
    }
  }

  /** Returns the root command with all sub-commands. */
  static CommandLine of(RootCommand root, Failures failures) {
    var tree = new CommandLine(root);
    COMMANDS.forEach(c -> tree.addSubcommand(c.getKey(), c.getValue().apply(root.console())));
    return configure(tree, failures);
  }

  /**
   * Returns the root command with only the sub-command that the arguments name, since picocli needs
   * several milliseconds for each; with all of them if the arguments name none.
   */
  static CommandLine of(RootCommand root, Failures failures, String... args) {
    Optional<String> name = List.of(args).stream().filter(arg -> !arg.startsWith("-")).findFirst();
    for (var command : COMMANDS) {
      if (name.isPresent() && command.getKey().equals(name.get())) {
        var tree = new CommandLine(root);
        tree.addSubcommand(command.getKey(), command.getValue().apply(root.console()));
        return configure(tree, failures);
      }
    }
    return of(root, failures);
  }

  private static CommandLine configure(CommandLine tree, Failures failures) {
    // A prompt may begin with @; it is not an argument file.
    tree.setExpandAtFiles(false);
    tree.setAllowOptionsAsOptionParameters(false);
    tree.setPosixClusteredShortOptionsAllowed(false); // -hello is text, not -h
    tree.setOverwrittenOptionsAllowed(true); // aliases in shells give options first
    tree.setExecutionStrategy(new GuardedRun());
    tree.setUsageHelpWidth(HELP_WIDTH);
    // Detecting colour support would load the JDK's console module: 40 ms for a bold title.
    tree.setColorScheme(Help.defaultColorScheme(Help.Ansi.OFF));
    Values.register(tree);
    tree.registerConverter(
        ComputeOptions.Backend.class, new Choice<>(ComputeOptions.Backend.class));
    tree.registerConverter(
        CompletionCommand.Shell.class, new Choice<>(CompletionCommand.Shell.class));
    tree.registerConverter(TokenCount.class, new TokenCount.Converter());
    tree.registerConverter(FloatType.class, new Choice<>(FloatType.class));
    tree.registerConverter(WeightType.class, new Choice<>(WeightType.class));
    tree.registerConverter(GrowthInit.class, new Choice<>(GrowthInit.class));
    tree.registerConverter(OnSaveError.class, new Choice<>(OnSaveError.class));
    tree.registerConverter(BenchCommand.Task.class, new Choice<>(BenchCommand.Task.class));
    tree.setParameterExceptionHandler(failures);
    tree.setExecutionExceptionHandler(failures);
    return tree;
  }
}
