package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.tokenformer.cli.console.Console;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.model.ModelFolder;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Mixin;

/** Which model a command computes with, and how. */
final class ModelOptions {
  @Mixin private ModelFolderOption folder = new ModelFolderOption();

  @Mixin private ComputeOptions compute = new ComputeOptions();

  /** The model with its tokenizer, which fit each other. */
  Loaded load(Console console) throws IOException {
    Path path = folder();
    LanguageModel model = LanguageModel.load(path, compute.languageModelOptions(LoadMode.MAP));
    try {
      String warning = model.warning();
      if (warning != null) {
        console.warn(warning);
      }
      return new Loaded(
          model, loadTokenizer(path.resolve(ModelFolder.TOKENIZER_FILE), model.config()));
    } catch (IOException | RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  /** The folder that was named, or the default model's. */
  Path folder() {
    return folder.path();
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
