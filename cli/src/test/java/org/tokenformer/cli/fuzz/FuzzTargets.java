package org.tokenformer.cli.fuzz;

import com.google.errorprone.annotations.Immutable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** All targets by name. */
enum FuzzTargets {
  SAFETENSORS(SafetensorsTarget::new),
  TORCH_ZIP(TorchZipTarget::new),
  TORCH_PICKLE(TorchPickleTarget::new),
  TOKENIZER_JSON(TokenizerJsonTarget::new),
  TEXT(TextTarget::new),
  RELEASED_CONFIG(ReleasedConfigTarget::new),
  MODEL_CONFIG(ModelConfigTarget::new),
  QUANTIZED(QuantizedTarget::new),
  PACK(PackTarget::new),
  ARROW(ArrowTarget::new),
  JSON_LINES(JsonLinesTarget::new),
  TRAINING_STATE(TrainingStateTarget::new);

  @Immutable
  private interface Factory {
    FuzzTarget create(Path scratch) throws IOException;
  }

  private final Factory factory;

  FuzzTargets(Factory factory) {
    this.factory = factory;
  }

  /** Returns the name in folders and on the command line, such as {@code torch-zip}. */
  String id() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  static FuzzTargets of(String id) {
    return valueOf(id.toUpperCase(Locale.ROOT).replace('-', '_'));
  }

  /** Creates the target; it writes the files that it needs into a new folder in memory. */
  FuzzTarget create() throws IOException {
    Path memory = Path.of("/dev/shm");
    Path scratch =
        Files.isWritable(memory)
            ? Files.createTempDirectory(memory, "fuzz-")
            : Files.createTempDirectory("fuzz-");
    Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(scratch)));
    return factory.create(scratch);
  }

  private static void delete(Path folder) {
    try (var files = Files.walk(folder)) {
      files.sorted((a, b) -> b.compareTo(a)).forEach(file -> file.toFile().delete());
    } catch (IOException e) {
      System.err.println("cannot delete " + folder + ": " + e);
    }
  }
}
