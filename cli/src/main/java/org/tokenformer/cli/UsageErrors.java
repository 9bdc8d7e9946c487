package org.tokenformer.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.tokenformer.cli.console.UserError;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Describes a wrong command line in plain words. */
final class UsageErrors {
  /** What an argument looks like that was meant as an option. */
  private static final String OPTION = "(--[A-Za-z][A-Za-z0-9-]*|-[A-Za-z])(=.*)?";

  private UsageErrors() {}

  /** Returns what is wrong, as a part of a line. */
  static String line(ParameterException e) {
    return switch (e) {
      case UnmatchedArgumentException unmatched when unmatched.isUnknownOption() ->
          unknownOption(unmatched);
      case UnmatchedArgumentException unmatched -> unexpectedArgument(unmatched);
      case MissingParameterException missing when isWithoutValue(missing) -> {
        OptionSpec option = (OptionSpec) missing.getMissing().getFirst();
        yield "%s needs a value (%s)".formatted(option.longestName(), option.paramLabel());
      }
      default -> plain(e);
    };
  }

  /** Rejects two options that exclude each other. */
  static void refuseBoth(String first, boolean firstGiven, String second, boolean secondGiven) {
    if (firstGiven && secondGiven) {
      throw new UserError(
          "%s and %s are mutually exclusive; give one of them".formatted(first, second));
    }
  }

  private static String unknownOption(UnmatchedArgumentException e) {
    CommandLine command = e.getCommandLine();
    String argument = e.getUnmatched().getFirst();
    if (command.getCommandSpec().findOption(argument) != null) {
      return "unexpected argument '" + argument + "' after --; write options before the --";
    }
    String line = "unknown option '" + argument + "'" + didYouMean(e.getSuggestions());
    List<PositionalParamSpec> parameters = parameters(command);
    if (argument.matches(OPTION) || parameters.isEmpty()) {
      return line;
    }
    String label = parameters.getFirst().paramLabel();
    return "%s; if it is meant as %s, write -- before it: %s -- \"%s\""
        .formatted(line, label, command.getCommandName(), argument);
  }

  private static String unexpectedArgument(UnmatchedArgumentException e) {
    CommandLine command = e.getCommandLine();
    boolean isCommand = !command.getSubcommands().isEmpty();
    String argument = e.getUnmatched().getFirst();
    String line = (isCommand ? "unknown command" : "unexpected argument") + " '" + argument + "'";
    List<PositionalParamSpec> parameters = parameters(command);
    if (parameters.isEmpty() || parameters.getFirst().type() != String.class) {
      return line + didYouMean(e.getSuggestions());
    }
    PositionalParamSpec prompt = parameters.getFirst();
    List<String> words = new ArrayList<>(prompt.originalStringValues());
    words.addAll(e.getUnmatched());
    return "%s; put a %s of several words in quotes: \"%s\""
        .formatted(line, prompt.paramLabel(), String.join(" ", words));
  }

  private static List<PositionalParamSpec> parameters(CommandLine command) {
    return command.getCommandSpec().positionalParameters();
  }

  private static String didYouMean(List<String> suggestions) {
    return suggestions.isEmpty() ? "" : ", did you mean '" + suggestions.getFirst() + "'?";
  }

  /** Returns whether an option is given without its value, rather than missing altogether. */
  private static boolean isWithoutValue(MissingParameterException e) {
    return e.getMissing().size() == 1
        && e.getMissing().getFirst() instanceof OptionSpec
        && !Objects.requireNonNullElse(e.getMessage(), "").startsWith("Missing required option");
  }

  /** Returns picocli's message without its prefixes and its numbering of parameters. */
  private static String plain(ParameterException e) {
    String message =
        Objects.requireNonNullElse(e.getMessage(), "invalid command line")
            .replaceFirst("positional parameter at index [^ ]+ \\((\\w+)\\)", "$1")
            .replaceFirst(
                "^option '(.*)' should be specified without '(.*)' parameter$",
                "$1 takes no value, but '$2' was given");
    if (message.equals("Missing required subcommand")) {
      message += ": " + String.join(" or ", e.getCommandLine().getSubcommands().keySet());
    }
    return message.substring(0, 1).toLowerCase(Locale.ROOT) + message.substring(1);
  }
}
