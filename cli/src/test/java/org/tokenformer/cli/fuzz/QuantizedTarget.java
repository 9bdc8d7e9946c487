package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.tokenformer.engine.Backends;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.model.files.ConvertedWeights;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.files.WeightType;

/** The weights of a model folder, of any type, loaded into a backend and converted to F32. */
final class QuantizedTarget implements FuzzTarget {
  private final Path model;
  private final List<byte[]> seeds = new ArrayList<>();
  private final Backend backend = Backends.open("scalar", 1).backend();

  QuantizedTarget(Path scratch) throws IOException {
    Fixtures fixtures = new Fixtures(scratch);
    Path floats = fixtures.checkpoint();
    model = fixtures.quantized(floats, "q8");
    seeds.add(weights(model));
    seeds.add(weights(fixtures.quantized(floats, "q4")));
    seeds.add(weights(fixtures.quantized(floats, "bf16")));
    seeds.add(weights(floats));
  }

  private static byte[] weights(Path model) throws IOException {
    return Files.readAllBytes(model.resolve(ModelFolder.WEIGHTS_FILE));
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    Files.write(model.resolve(ModelFolder.WEIGHTS_FILE), bytes);
    try (ModelFolder opened = ModelFolder.open(model, LoadMode.MAP)) {
      opened.refuseNotFinite();
      new ConvertedWeights(opened.config(), opened.tensors(), WeightType.F32).close();
    }
    ModelLoader.load(ModelFolder.open(model, LoadMode.COPY), backend).close();
  }

  @Override
  public List<byte[]> seeds() {
    return seeds;
  }
}
