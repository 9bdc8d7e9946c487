package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.model.files.ModelFolder;

/** The {@code config.json} of a model folder whose other files are valid. */
final class ModelConfigTarget implements FuzzTarget {
  private final Path model;
  private final byte[] valid;

  ModelConfigTarget(Path scratch) throws IOException {
    model = new Fixtures(scratch).checkpoint();
    valid = Files.readAllBytes(model.resolve(ModelFolder.CONFIG_FILE));
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    Files.write(model.resolve(ModelFolder.CONFIG_FILE), bytes);
    ModelFolder.open(model, LoadMode.MAP).close();
  }

  @Override
  public List<byte[]> seeds() {
    return List.of(valid);
  }
}
