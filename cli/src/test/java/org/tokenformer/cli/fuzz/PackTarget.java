package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.grow.Packs;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.files.ModelFolder;

/** A knowledge pack, attached to the model that it was made for. */
final class PackTarget implements FuzzTarget {
  private final Path pack;
  private final ModelFolder base;
  private final byte[] valid;

  @SuppressWarnings("MustBeClosedChecker") // open until the process ends
  PackTarget(Path scratch) throws IOException {
    Fixtures fixtures = new Fixtures(scratch);
    Path model = fixtures.checkpoint();
    pack = fixtures.pack(model);
    base = ModelFolder.open(model, LoadMode.MAP);
    valid = Files.readAllBytes(pack);
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    Files.write(pack, bytes);
    try (Packs packs = Packs.open(List.of(pack), base, TokenFraction.ALL, LoadMode.MAP)) {
      packs.selection(TokenFraction.ALL).config(base.config());
    }
  }

  @Override
  public List<byte[]> seeds() {
    return List.of(valid);
  }
}
