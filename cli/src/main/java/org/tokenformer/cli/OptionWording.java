package org.tokenformer.cli;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.error.EngineProblem;
import org.tokenformer.engine.model.ConfigException;
import picocli.CommandLine;

/**
 * Says what the engine says, in the words of a command: the engine's fields are options here, and
 * this is the only place that knows how they are called.
 */
final class OptionWording {
  /** Options that are not called as the engine's field, with hyphens. */
  private static final Map<String, String> NAMES =
      Map.of(
          "num_layers", "--layers",
          "hidden_size", "--hidden",
          "num_attention_heads", "--heads",
          "qkv_slot_num", "--qkv",
          "proj_slot_num", "--proj",
          "ffn_slot_num", "--ffn",
          "max_position_embeddings", "--context");

  /** A field that is mentioned; what users gave stands in quotes and stays. */
  private static final Pattern FIELD = Pattern.compile("'[^']*'|\\b[a-z]+(?:_[a-z]+)+\\b");

  private OptionWording() {}

  /**
   * One line for the user of a command.
   *
   * @param command whose options there are; null where none is known
   */
  static String line(EngineProblem problem, @Nullable CommandLine command) {
    String message = String.valueOf(problem.getMessage());
    if (command == null || !(problem instanceof ConfigException wrong)) {
      return message; // of files, which call their fields as the engine does
    }
    String field = wrong.field();
    String line = field == null ? message : wrong.withName(inCommand(field, command));
    return FIELD
        .matcher(line)
        .replaceAll(mention -> Matcher.quoteReplacement(inCommand(mention.group(), command)));
  }

  /** The option that sets a field of the engine. */
  static String option(String field) {
    return NAMES.getOrDefault(field, "--" + field.replace('_', '-'));
  }

  /** The option of a field, or the field itself where the command has no such option. */
  private static String inCommand(String field, CommandLine command) {
    String option = option(field);
    return command.getCommandSpec().findOption(option) == null ? field : option;
  }
}
