package org.tokenformer.engine.testing;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsFile;
import org.tokenformer.engine.checkpoint.TorchCheckpoint;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.files.ReleasedLayout;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;

/**
 * A folder with a checkpoint and what PyTorch computed with it. The cases are in {@code
 * testdata/goldens} or the folder set by {@code -Dgoldens.dir}.
 */
public record GoldenCase(Path folder) {
  /** A way to compute: scalar, or vector at a width. */
  public enum Computing {
    SCALAR,
    VECTOR_128,
    VECTOR_256,
    VECTOR_512;

    /** Opens the backend, with two threads if it is multi-threaded. */
    public Backend open() {
      return open(2);
    }

    /** Opens the backend, with this many threads if it is multi-threaded. */
    public Backend open(int threads) {
      return this == SCALAR
          ? new CheckedBackend(new ScalarBackend())
          : VectorWidths.open(Integer.parseInt(name().substring(7)), threads);
    }

    @Override
    public String toString() {
      return this == SCALAR ? "scalar" : "vector " + name().substring(7);
    }
  }

  /** Returns the folder of the cases. */
  static Path root() {
    String given = System.getProperty("goldens.dir");
    String project = System.getProperty("project.root", "..");
    return given == null ? Path.of(project, "testdata", "goldens") : Path.of(given);
  }

  /** Returns all cases; fails if there are none. */
  public static List<GoldenCase> all() {
    try (Stream<Path> folders = Files.list(root())) {
      List<GoldenCase> cases =
          folders
              .filter(folder -> Files.exists(folder.resolve("golden.safetensors")))
              .sorted()
              .map(GoldenCase::new)
              .toList();
      assertTrue(!cases.isEmpty(), "no golden cases in " + root());
      return cases;
    } catch (IOException e) {
      throw new UncheckedIOException("golden cases cannot be read: " + root(), e);
    }
  }

  /** Returns one test for each case and backend. */
  public static Stream<DynamicTest> tests(BiConsumer<GoldenCase, Computing> test) {
    return all().stream()
        .flatMap(golden ->
            Stream.of(Computing.values())
                .map(computing ->
                    DynamicTest.dynamicTest(
                        golden.name() + " × " + computing, () -> test.accept(golden, computing))));
  }

  /** Returns the folder's name. */
  public String name() {
    return folder.getFileName().toString();
  }

  /** Imports the checkpoint and opens a model that the caller closes. */
  public TokenFormer open(Backend backend) {
    TorchCheckpoint torch = checkpoint();
    return model(
        torch, (config, tensors) -> ModelLoader.load(config, tensors, backend, torch::close));
  }

  /** Imports the checkpoint and opens a trainable model that the caller closes. */
  public TrainableModel trainable(Backend backend) {
    try (TorchCheckpoint torch = checkpoint()) {
      return model(torch, (config, tensors) -> new TrainableModel(config, tensors, backend));
    }
  }

  private TorchCheckpoint checkpoint() {
    try {
      return TorchCheckpoint.open(folder.resolve("pytorch_model.bin"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private <T> T model(
      TorchCheckpoint torch, BiFunction<TokenFormerConfig, Map<String, NamedTensor>, T> open) {
    try {
      Path settingsFile = folder.resolve("config.yml");
      Object settings =
          new Load(LoadSettings.builder().build()).loadFromString(Files.readString(settingsFile));
      Map<String, Object> values = new LinkedHashMap<>();
      ((Map<?, ?>) settings).forEach((key, value) -> values.put(String.valueOf(key), value));
      Arena arena = Arena.ofAuto(); // held by the tensors
      TokenFormerConfig config =
          ReleasedLayout.config(settingsFile, values, torch.path(), torch.tensors(), 1);
      Map<String, NamedTensor> tensors = new LinkedHashMap<>();
      for (NamedTensor tensor :
          ReleasedLayout.fromReleased(torch.path(), config, torch.tensors(), null, arena)) {
        tensors.put(tensor.name(), tensor);
      }
      return open.apply(Models.withTokenizerIds(config, config.vocabularySize()), tensors);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns a tensor of the golden file, widened to double, and its shape. */
  public Values values(String name) {
    return values("golden.safetensors", name);
  }

  /**
   * Returns values of θ of a Pattention, named as released, (2, N): the mean of |θ| over {@link
   * #inputs}, and θ of the last input.
   */
  public Values thetas(String name) {
    return values("thetas.safetensors", name);
  }

  private Values values(String fileName, String name) {
    try (SafetensorsFile file = SafetensorsFile.open(folder.resolve(fileName))) {
      NamedTensor tensor = file.tensors().get(name);
      if (tensor == null) {
        throw new AssertionError(folder + " has no golden " + name);
      }
      MemorySegment data = tensor.data();
      double[] values = new double[(int) tensor.shape().elements()];
      for (int i = 0; i < values.length; i++) {
        long at = (long) i * tensor.dtype().bytes();
        values[i] =
            switch (tensor.dtype()) {
              case F64 -> data.get(ValueLayout.JAVA_DOUBLE_UNALIGNED, at);
              case F32 -> data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
              case I32 -> data.get(ValueLayout.JAVA_INT_UNALIGNED, at);
              default -> throw new AssertionError(name + " is " + tensor.dtype());
            };
      }
      long[] shape = new long[tensor.shape().rank()];
      for (int i = 0; i < shape.length; i++) {
        shape[i] = tensor.shape().size(i);
      }
      return new Values(values, shape);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the ids, one array per sequence. */
  public int[][] ids() {
    Values values = values("ids");
    int[][] ids = new int[(int) values.shape()[0]][(int) values.shape()[1]];
    for (int i = 0; i < values.data().length; i++) {
      ids[i / ids[0].length][i % ids[0].length] = (int) values.data()[i];
    }
    return ids;
  }

  /** Returns all ids but the last of each sequence, concatenated. */
  public int[] inputs() {
    return Arrays.stream(ids())
        .flatMapToInt(row -> Arrays.stream(row, 0, row.length - 1))
        .toArray();
  }

  /** Returns the id that follows each of {@link #inputs}. */
  public int[] targets() {
    return Arrays.stream(ids()).flatMapToInt(row -> Arrays.stream(row, 1, row.length)).toArray();
  }

  /** Returns the sequences as one micro-batch. */
  public TrainingShape shape(boolean recompute) {
    int[][] ids = ids();
    return new TrainingShape(ids.length, ids[0].length - 1, recompute);
  }

  /** Numbers and their shape. */
  @SuppressWarnings("ArrayRecordComponent")
  public record Values(double[] data, long[] shape) {
    /** Returns the largest magnitude. */
    public double max() {
      double max = 0;
      for (double value : data) {
        max = Math.max(max, Math.abs(value));
      }
      return max;
    }
  }
}
