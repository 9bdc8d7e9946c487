package org.tokenformer.cli;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.error.EngineProblem;
import org.tokenformer.engine.model.ConfigException;
import picocli.CommandLine;

/**
 * Replaces engine field names in messages by option names. This is the only place that knows the
 * correspondence.
 */
final class OptionWording {
  /** Options whose name is not the field name with hyphens. */
  private static final Map<String, String> NAMES =
      Map.of(
          "num_layers", "--layers",
          "hidden_size", "--hidden",
          "num_attention_heads", "--heads",
          "qkv_slot_num", "--qkv",
          "proj_slot_num", "--proj",
          "ffn_slot_num", "--ffn",
          "max_position_embeddings", "--context");

  /** A field name in a message; quoted user input is left unchanged. */
  private static final Pattern FIELD = Pattern.compile("'[^']*'|\\b[a-z]+(?:_[a-z]+)+\\b");

  private OptionWording() {}

  /**
   * Returns the one-line message for the user of a command.
   *
   * @param command the command whose option names apply; null if unknown
   */
  static String line(EngineProblem problem, @Nullable CommandLine command) {
    String message = String.valueOf(problem.getMessage());
    if (command == null || !(problem instanceof ConfigException wrong)) {
      return message; // files use the field names of the engine
    }
    String field = wrong.field();
    String line = field == null ? message : wrong.withName(inCommand(field, command));
    return FIELD
        .matcher(line)
        .replaceAll(mention -> Matcher.quoteReplacement(inCommand(mention.group(), command)));
  }

  /** Returns a message with every field replaced by the option that sets it. */
  static String withOptions(String message) {
    return FIELD
        .matcher(message)
        .replaceAll(mention ->
            Matcher.quoteReplacement(
                mention.group().startsWith("'") ? mention.group() : option(mention.group())));
  }

  /** Returns the option that sets an engine field. */
  static String option(String field) {
    return NAMES.getOrDefault(field, "--" + field.replace('_', '-'));
  }

  /** Returns the option of a field, or the field itself if the command has no such option. */
  private static String inCommand(String field, CommandLine command) {
    String option = option(field);
    return command.getCommandSpec().findOption(option) == null ? field : option;
  }
}
