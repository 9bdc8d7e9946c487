package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which model a command computes with, with which of its tokens and others, and how. */
final class ModelOptions {
  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec command;

  @Mixin private PlainModelOptions model = new PlainModelOptions();

  @Option(
      names = {"-p", "--pack"},
      paramLabel = "PACK",
      description =
          "A knowledge pack of this model, as 'tokenformer pack save' makes it; may be given several"
              + " times. The model's folder stays as it is.")
  private List<Path> packs = new ArrayList<>();

  private TokenFraction tokens = TokenFraction.ALL;

  @Option(
      names = "--tokens",
      paramLabel = "P%",
      description =
          "Computes with this share of the parameter tokens of each Pattention only, the first ones;"
              + " by default 100%%. Those of packs count whole.")
  void setTokens(String text) {
    try {
      tokens = TokenFraction.parse(text);
    } catch (ConfigException e) {
      CommandLine line = Objects.requireNonNull(command).commandLine();
      throw new ParameterException(line, OptionWording.line(e, line), e);
    }
  }

  /** The model with its tokenizer, which fit each other. */
  Loaded load(Console console) throws IOException {
    return load(console, UnaryOperator.identity());
  }

  /** The same with other options for loading. */
  Loaded load(Console console, UnaryOperator<LanguageModel.Options> change) throws IOException {
    return model.load(
        console, options -> change.apply(options.withTokens(tokens).withPacks(packs)));
  }

  /** The folder that was named, or the default model's. */
  Path folder() {
    return model.folder();
  }

  /** The tokenizer of this file, if it fits a model. */
  static Tokenizer loadTokenizer(Path file, TokenFormerConfig config) throws IOException {
    Tokenizer tokenizer = Tokenizer.load(file);
    int ids = tokenizer.vocabularySize();
    int rows = config.vocabularySize();
    int configured = config.tokenizerVocabularySize();
    if (ids > rows || ids != configured) {
      String expected =
          ids > rows
              ? "the model's embedding table %d rows".formatted(rows)
              : "config.json says tokenizer_vocab_size %d".formatted(configured);
      throw new UserError(
          "%s: has %d ids, %s; put the tokenizer there that the model was trained with"
              .formatted(file, ids, expected));
    }
    return tokenizer;
  }

  /** Closes the model, which is all that has to be closed. */
  record Loaded(LanguageModel model, Tokenizer tokenizer) implements AutoCloseable {
    @Override
    public void close() {
      model.close();
    }
  }
}
