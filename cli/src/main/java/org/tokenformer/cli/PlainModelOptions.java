package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.model.files.ModelFolder;
import picocli.CommandLine.Mixin;

/** Which model a command computes with, as it lies in its folder, and how. */
final class PlainModelOptions {
  @Mixin private ModelFolderOption folder = new ModelFolderOption();

  @Mixin private ComputeOptions compute = new ComputeOptions();

  /** The folder that was named, or the default model's. */
  Path folder() {
    return folder.path();
  }

  /** The model with its tokenizer, which fit each other. */
  ModelOptions.Loaded load(Console console) throws IOException {
    return load(console, UnaryOperator.identity());
  }

  /** The same with other options for loading. */
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
