package org.tokenformer.engine.model.files;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.HostScope;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsWriter;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.testing.Models;
import org.tokenformer.engine.testing.Tensors;

/** Model folders: a saved folder opens again, and an invalid one is rejected by name. */
final class ModelFolderTest {
  private static final TokenFormerConfig CONFIG = Models.config(Theta.L2_NORM_GELU);

  @TempDir private Path parent;
  private Path folder;

  @BeforeEach
  void name() {
    folder = parent.resolve("model");
  }

  private String refused(Executable action) {
    return refused(action, "");
  }

  private String refused(Executable action, String named) {
    IOException e = assertThrows(IOException.class, action);
    String message = String.valueOf(e.getMessage());
    assertTrue(message.contains(parent.toString()), message);
    assertTrue(message.contains(named), message);
    assertTrue(message.chars().noneMatch(Character::isISOControl), message);
    return message;
  }

  private String refused(String named) {
    String message = refused(() -> ModelFolder.open(folder, LoadMode.MAP), named);
    assertEquals(message, refused(() -> ModelFolder.open(folder, LoadMode.COPY), named));
    return message;
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"F32", "BF16"})
  void whatIsSavedOpens(DType dtype) throws IOException {
    Models.save(folder, CONFIG, dtype, 1);
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(
          List.of("config.json", "model.safetensors", "tokenizer.json"),
          files.map(file -> file.getFileName().toString()).sorted().toList());
    }
    for (LoadMode mode : LoadMode.values()) {
      try (Arena arena = Arena.ofConfined();
          ModelFolder opened = ModelFolder.open(folder, mode)) {
        assertEquals(CONFIG, opened.config());
        assertEquals(folder, opened.path());
        List<NamedTensor> expected = Models.weights(CONFIG, dtype, new Random(1), arena);
        assertEquals(expected.size(), opened.tensors().size());
        for (NamedTensor tensor : expected) {
          NamedTensor read = tensor(opened, tensor.name());
          assertEquals(tensor.dtype(), read.dtype());
          assertEquals(tensor.shape(), read.shape());
          assertEquals(-1, tensor.data().mismatch(read.data()));
        }
      }
    }
  }

  private static NamedTensor tensor(ModelFolder folder, String name) {
    NamedTensor tensor = folder.tensors().get(name);
    if (tensor == null) {
      throw new AssertionError("no tensor " + name);
    }
    return tensor;
  }

  @Test
  void noFolder() throws IOException {
    assertTrue(refused("model").contains("no such folder"));
    Files.writeString(folder, "text");
    assertTrue(refused("model").contains("is not a folder"));
  }

  @Test
  void emptyFolder() throws IOException {
    Files.createDirectory(folder);
    assertTrue(refused("config.json").contains("no such file"));
    Files.writeString(folder.resolve("config.json"), ConfigJson.write(CONFIG));
    assertTrue(refused("model.safetensors").contains("no such file"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"config.json", "model.safetensors", "."})
  void withoutPermission(String file) throws IOException {
    Models.save(folder, CONFIG, DType.F32, 1);
    Path locked = folder.resolve(file).normalize();
    Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("---------"));
    try {
      assumeFalse(Files.isReadable(locked), "permissions do not bind this user");
      refused(file.equals(".") ? "" : file);
    } finally {
      Files.setPosixFilePermissions(locked, PosixFilePermissions.fromString("rwx------"));
    }
  }

  @Test
  void truncatedWeights() throws IOException {
    Models.save(folder, CONFIG, DType.F32, 1);
    Path file = folder.resolve("model.safetensors");
    byte[] whole = Files.readAllBytes(file);
    for (int length : new int[] {0, 7, 8, 100, whole.length / 2, whole.length - 1}) {
      Files.write(file, Arrays.copyOf(whole, length));
      refused("model.safetensors");
    }
  }

  /** Saves the folder with a changed list of tensors. */
  private void damaged(Consumer<List<NamedTensor>> change) throws IOException {
    Models.save(folder, CONFIG, DType.F32, 1);
    try (Arena arena = Arena.ofConfined()) {
      List<NamedTensor> tensors =
          new ArrayList<>(Models.weights(CONFIG, DType.F32, new Random(1), arena));
      change.accept(tensors);
      SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of());
    }
  }

  private static NamedTensor zeros(String name, DType dtype, Shape shape) {
    byte[] bytes = new byte[(int) shape.bytes(dtype)];
    return new NamedTensor(name, dtype, shape, MemorySegment.ofArray(bytes));
  }

  @Test
  void missingTensors() throws IOException {
    int index = 0;
    for (String name : List.copyOf(TensorNames.shapes(CONFIG).keySet())) {
      int i = index++;
      folder = parent.resolve("missing-" + i);
      damaged(tensors -> tensors.remove(i));
      assertTrue(refused("tensor " + name + " ").contains("is missing"));
    }
  }

  @Test
  void extraTensors() throws IOException {
    damaged(tensors -> tensors.add(zeros("layers.2.ffn.a\nb", DType.F32, Shape.of(2))));
    assertTrue(refused("'layers.2.ffn.a\\u000ab' (2)").contains("is not part of"));
  }

  @Test
  void misshapenTensors() throws IOException {
    int index = 0;
    for (long[] shape : new long[][] {{39, 24}, {40, 25}, {24, 40}, {40, 24, 1}, {960}, {}}) {
      folder = parent.resolve("misshapen-" + index++);
      Shape wrong = Shape.of(shape);
      damaged(tensors -> tensors.set(0, zeros(TensorNames.EMBEDDING, DType.F32, wrong)));
      String message = refused("tensor embedding.weight is " + wrong);
      assertTrue(message.contains("requires (40, 24)"), message);
    }
  }

  @Test
  void integerWeights() throws IOException {
    damaged(tensors -> tensors.set(0, zeros(TensorNames.EMBEDDING, DType.I32, Shape.of(40, 24))));
    refused("tensor embedding.weight is I32");
  }

  @Test
  void weightsOfAnyFloatingPointType() throws IOException {
    damaged(tensors -> {
      tensors.set(0, zeros(TensorNames.EMBEDDING, DType.F64, Shape.of(40, 24)));
      tensors.set(1, zeros(tensors.get(1).name(), DType.F16, tensors.get(1).shape()));
      int last = tensors.size() - 1;
      tensors.set(last, zeros(tensors.get(last).name(), DType.BF16, Shape.of(24)));
    });
    try (Backend backend = new CheckedBackend(new ScalarBackend());
        TokenFormer model = ModelLoader.load(ModelFolder.open(folder, LoadMode.MAP), backend);
        Session session = model.newSession()) {
      assertEquals(0, Tensors.get(backend, session.decode(1))[0]);
    }
  }

  @Test
  void loadingRefusesDamagedWeightsAndFreesThem() throws IOException {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      folder = parent.resolve("damaged" + bad);
      damaged(tensors -> {
        NamedTensor tensor = tensors.get(5);
        MemorySegment copy = MemorySegment.ofArray(tensor.data().toArray(ValueLayout.JAVA_BYTE));
        copy.set(ValueLayout.JAVA_FLOAT_UNALIGNED, copy.byteSize() - 4, bad);
        tensors.set(5, new NamedTensor(tensor.name(), DType.F32, tensor.shape(), copy));
      });
      long before = HostScope.liveBytes();
      try (Backend backend = new CheckedBackend(new ScalarBackend())) {
        ModelFolder opened = ModelFolder.open(folder, LoadMode.MAP);
        String name = "layers.0.attention.value.key_param_tokens";
        refused(() -> ModelLoader.load(opened, backend), "tensor " + name + " holds NaN or");
        MemorySegment data = tensor(opened, name).data();
        assertFalse(data.scope().isAlive(), "the folder is still open");
      }
      assertEquals(before, HostScope.liveBytes());
    }
  }

  @ParameterizedTest
  @EnumSource(value = Computing.class)
  void weightsAtOddAddresses(Computing computing) throws IOException {
    Models.save(folder, CONFIG, DType.F32, 1);
    Path file = folder.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    int header = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    byte[] shifted = new byte[bytes.length + 1]; // a blank more at the header's end
    System.arraycopy(bytes, 0, shifted, 0, 8 + header);
    shifted[8 + header] = ' ';
    System.arraycopy(bytes, 8 + header, shifted, 9 + header, bytes.length - 8 - header);
    ByteBuffer.wrap(shifted).order(ByteOrder.LITTLE_ENDIAN).putLong(header + 1);
    int[] ids = Models.ids(new Random(2), 20);
    float[] aligned = logits(computing, ids);
    Files.write(file, shifted);
    try (ModelFolder opened = ModelFolder.open(folder, LoadMode.MAP)) {
      assertFalse(Tensors.isAligned(tensor(opened, TensorNames.EMBEDDING)));
    }
    assertArrayEquals(aligned, logits(computing, ids));
  }

  private float[] logits(Computing computing, int[] ids) throws IOException {
    try (Backend backend = computing.open();
        TokenFormer model = ModelLoader.load(ModelFolder.open(folder, LoadMode.MAP), backend);
        Session session = model.newSession()) {
      session.prefill(ids);
      return Tensors.get(backend, session.decode(ids[0]));
    }
  }

  @Test
  void savingOntoAFolder() throws IOException {
    Models.save(folder, CONFIG, DType.F32, 1);
    byte[] before = Files.readAllBytes(folder.resolve("model.safetensors"));
    assertTrue(refused(() -> Models.save(folder, CONFIG, DType.F32, 2)).contains("exists"));
    assertArrayEquals(before, Files.readAllBytes(folder.resolve("model.safetensors")));
  }

  private List<String> left() throws IOException {
    try (Stream<Path> files = Files.list(parent)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void failedSavingLeavesNothing() throws IOException {
    Path tokenizer = parent.resolve("tokenizer.json");
    try (Arena arena = Arena.ofConfined()) {
      List<NamedTensor> tensors = Models.weights(CONFIG, DType.F32, new Random(1), arena);
      refused(
          () -> ModelFolder.save(folder, IfExists.REFUSE, CONFIG, tensors, tokenizer),
          "tokenizer.json: no such file");
      assertEquals(List.of(), left());
      Files.createDirectory(tokenizer);
      refused(
          () -> ModelFolder.save(folder, IfExists.REFUSE, CONFIG, tensors, tokenizer),
          "tokenizer.json");
      Files.delete(tokenizer);
      Files.writeString(tokenizer, "{}");
      List<NamedTensor> fewer = tensors.subList(1, tensors.size());
      refused(
          () -> ModelFolder.save(folder, IfExists.REFUSE, CONFIG, fewer, tokenizer),
          "tensor embedding.weight (40, 24) is missing");
      List<NamedTensor> twice = new ArrayList<>(tensors);
      twice.add(tensors.getFirst());
      refused(
          () -> ModelFolder.save(folder, IfExists.REFUSE, CONFIG, twice, tokenizer),
          "embedding.weight");
      refused(() ->
          ModelFolder.save(folder.resolve("no/such"), IfExists.REFUSE, CONFIG, tensors, tokenizer));
      assertEquals(List.of("tokenizer.json"), left());
    }
  }
}
