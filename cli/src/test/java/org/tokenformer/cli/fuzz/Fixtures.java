package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.tokenformer.cli.FuzzAccess;
import org.tokenformer.engine.Backends;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.engine.train.RunFolder;
import org.tokenformer.engine.train.TokenSource;
import org.tokenformer.engine.train.Trainer;
import org.tokenformer.engine.train.TrainingChoices;
import org.tokenformer.engine.train.TrainingOption;

/** The smallest model and what is made from it, in a folder. */
final class Fixtures {
  /** The ids on which {@link #checkpoint} trains. */
  static final TokenSource DATA = TokenSource.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);

  private static final TokenFormerConfig CONFIG =
      TokenFormerConfig.uniform(
          1, new LayerSizes(2, 2, 3), 8, 1, TokenizerJsonTarget.SMALL_IDS, 4, Theta.L2_NORM_GELU);

  private final Path folder;

  Fixtures(Path folder) {
    this.folder = folder;
  }

  /** Trains the model for one step; returns the checkpoint, which is a model folder too. */
  Path checkpoint() throws IOException {
    Path tokenizer = folder.resolve(ModelFolder.TOKENIZER_FILE);
    Files.write(tokenizer, TokenizerJsonTarget.small());
    var choices = TrainingChoices.NONE.with(TrainingOption.STEPS, 1).with(TrainingOption.BATCH, 1);
    Backend backend = Backends.open("scalar", 1).backend();
    var model = RandomWeights.trainable(CONFIG, InitialValues.SCALED, 1, backend);
    try (Trainer trainer =
            new Trainer(model, DATA, choices.options(CONFIG.contextLength(), DATA.size()));
        RunFolder run =
            RunFolder.create(folder.resolve("run"), tokenizer, new RunFolder.Kept(1, false))) {
      trainer.step(null);
      return run.save(trainer, Double.NaN);
    }
  }

  /** Converts a model to another type. */
  Path quantized(Path model, String type) {
    Path target = folder.resolve(type);
    FuzzAccess.run("quantize", "--quiet", "-m", "" + model, "--type", type, "-o", "" + target);
    return target;
  }

  /** Makes a pack for a model. */
  Path pack(Path base) {
    Path grown = folder.resolve("grown");
    Path pack = folder.resolve("pack.safetensors");
    FuzzAccess.run("grow", "-m", "" + base, "--qkv", "3", "--ffn", "5", "-o", "" + grown);
    FuzzAccess.run("pack", "save", "-m", "" + grown, "--base", "" + base, "-o", "" + pack);
    return pack;
  }
}
