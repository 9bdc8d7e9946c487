package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.model.files.ModelFolder;
import picocli.CommandLine.Mixin;

/** Options of commands that compute with a model as stored, without packs. */
final class PlainModelOptions {
  @Mixin private ModelFolderOption folder = new ModelFolderOption();

  @Mixin private ComputeOptions compute = new ComputeOptions();

  /** Returns the named folder, or that of the default model. */
  Path folder() {
    return folder.path();
  }

  /** Loads the model and its tokenizer, and checks that they match. */
  ModelOptions.Loaded load(Console console) throws IOException {
    return load(console, UnaryOperator.identity());
  }

  /** Loads the model with changed options. */
  ModelOptions.Loaded load(Console console, UnaryOperator<LanguageModel.Options> change)
      throws IOException {
    Path path = folder();
    LanguageModel.Options options = change.apply(compute.languageModelOptions(LoadMode.MAP));
    LanguageModel model = LanguageModel.load(path, options);
    try {
      String warning = model.warning();
      if (warning != null) {
        console.warn(warning);
      }
      Path tokenizer = path.resolve(ModelFolder.TOKENIZER_FILE);
      return new ModelOptions.Loaded(model, ModelOptions.loadTokenizer(tokenizer, model.config()));
    } catch (IOException | RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }
}
