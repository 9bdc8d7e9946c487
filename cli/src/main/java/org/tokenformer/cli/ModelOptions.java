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

/** Options of commands that compute with a model, including packs and {@code --tokens}. */
final class ModelOptions {
  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec command;

  @Mixin private PlainModelOptions model = new PlainModelOptions();

  @Option(
      names = {"-p", "--pack"},
      paramLabel = "PACK",
      description =
          "Attach this knowledge pack, written by 'tokenformer pack save'; the model folder is not"
              + " changed. Can be repeated.")
  private List<Path> packs = new ArrayList<>();

  private TokenFraction tokens = TokenFraction.ALL;

  @Option(
      names = "--tokens",
      paramLabel = "P%",
      description =
          "Use only the first P%% of each Pattention's parameter tokens (knowledge packs are"
              + " always used in full). Default: 100%%.")
  void setTokens(String text) {
    try {
      tokens = TokenFraction.parse(text);
    } catch (ConfigException e) {
      CommandLine line = Objects.requireNonNull(command).commandLine();
      throw new ParameterException(line, OptionWording.line(e, line), e);
    }
  }

  /** Loads the model and its tokenizer, and checks that they match. */
  Loaded load(Console console) throws IOException {
    return load(console, UnaryOperator.identity());
  }

  /** Loads the model with changed options. */
  Loaded load(Console console, UnaryOperator<LanguageModel.Options> change) throws IOException {
    return model.load(
        console, options -> change.apply(options.withTokens(tokens).withPacks(packs)));
  }

  /** Returns the named folder, or that of the default model. */
  Path folder() {
    return model.folder();
  }

  /** Loads a tokenizer and checks that it matches the model. */
  static Tokenizer loadTokenizer(Path file, TokenFormerConfig config) throws IOException {
    Tokenizer tokenizer = Tokenizer.load(file);
    int ids = tokenizer.vocabularySize();
    int rows = config.vocabularySize();
    int configured = config.tokenizerVocabularySize();
    if (ids > rows || ids != configured) {
      String expected =
          ids > rows
              ? "the model's embedding table has %d rows".formatted(rows)
              : "config.json says tokenizer_vocab_size %d".formatted(configured);
      throw new UserError(
          "%s: has %d ids, but %s; replace it by the tokenizer that the model was trained with"
              .formatted(file, ids, expected));
    }
    return tokenizer;
  }

  /** A loaded model and its tokenizer. Closing it closes the model. */
  record Loaded(LanguageModel model, Tokenizer tokenizer) implements AutoCloseable {
    @Override
    public void close() {
      model.close();
    }
  }
}
