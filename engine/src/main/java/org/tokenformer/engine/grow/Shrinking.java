package org.tokenformer.engine.grow;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelLoader;

/** Applies a {@link ShrinkPlan} to a model, to run or to save the smaller model. */
public final class Shrinking {
  private Shrinking() {}

  /**
   * Loads the smaller model into a backend's memory.
   *
   * @param weights weights of the larger model; must stay open as long as the smaller model
   */
  @SuppressWarnings("MustBeClosedChecker") // the model closes the arena
  public static TokenFormer open(
      Map<String, NamedTensor> weights, ShrinkPlan plan, Backend backend) {
    Arena arena = Arena.ofShared();
    try {
      Map<String, NamedTensor> tensors = new LinkedHashMap<>();
      plan.tensors(weights, arena).forEach(tensor -> tensors.put(tensor.name(), tensor));
      return ModelLoader.load(plan.config(), tensors, backend, arena::close);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /**
   * Writes the smaller model atomically, with the tokenizer of the larger one.
   *
   * @throws IOException with a one-line message, if it cannot be written
   */
  public static void save(ModelFolder folder, ShrinkPlan plan, Path target, IfExists ifExists)
      throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      ModelFolder.save(
          target,
          ifExists,
          plan.config(),
          plan.tensors(folder.floatTensors(), arena),
          folder.path().resolve(ModelFolder.TOKENIZER_FILE));
    }
  }
}
