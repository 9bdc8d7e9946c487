package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.testing.Tensors;

class SafetensorsFileTest {
  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(LoadMode.class)
  void readsWhatThePythonPackageWrites(LoadMode mode) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(Fixtures.golden("dtypes.safetensors"), mode)) {
      assertEquals(Map.of("format", "pt"), file.metadata());
      assertEquals(10, file.tensors().size());
      for (DType dtype : DType.values()) {
        if (!dtype.isInFiles()) {
          continue;
        }
        NamedTensor tensor = file.tensor(dtype.name().toLowerCase(Locale.ROOT));
        assertEquals(dtype, tensor.dtype());
        assertTrue(Tensors.isAligned(tensor));
      }
      assertEquals(Shape.of(3, 5), file.tensor("f64").shape());
      assertArrayEquals(new byte[] {-128, 127, 0}, Fixtures.toArray(file.tensor("i8")));
      assertEquals(Long.MIN_VALUE, file.tensor("i64").data().get(Segments.LONG, 0));
      short[] halves = file.tensor("f16").data().toArray(Segments.SHORT);
      assertEquals(65504f, Float.float16ToFloat(halves[4]));
    }
  }

  @Test
  void tensorsCannotBeWritten() throws IOException {
    for (LoadMode mode : LoadMode.values()) {
      try (SafetensorsFile file =
          SafetensorsFile.open(Fixtures.golden("dtypes.safetensors"), mode)) {
        var data = file.tensor("u8").data();
        assertThrows(
            IllegalArgumentException.class, () -> data.set(ValueLayout.JAVA_BYTE, 0, (byte) 1));
        assertThrows(UnsupportedOperationException.class, () -> file.tensors().clear());
        assertThrows(UnsupportedOperationException.class, () -> file.metadata().clear());
      }
    }
  }

  @Test
  void tensorsComeInTheOrderOfTheirData() throws IOException {
    String header =
        """
        {"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},
         "none":{"dtype":"F32","shape":[0,7],"data_offsets":[3,3]},
         "a":{"data_offsets":[0,1],"shape":[],"dtype":"I8"}}\
        """;
    Path path = write(Fixtures.safetensors(header, 3));
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertEquals(List.of("a", "b", "none"), List.copyOf(file.tensors().keySet()));
      assertEquals(Map.of(), file.metadata());
      assertEquals(0, file.tensor("none").data().byteSize());
    }
  }

  @Test
  void aFileWithoutTensorsIsOne() throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(write(Fixtures.safetensors("{}", 0)))) {
      assertTrue(file.tensors().isEmpty());
    }
  }

  /** Headers that the reference implementation opens although no writer makes them. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"__metadata__\":null,\"x\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
        "{\"x\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],\"stride\":[{\"a\":[1]}]}}",
        "{\"x\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}\n \t"
      })
  void acceptsUnusualHeaders(String header) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(write(Fixtures.safetensors(header, 2)))) {
      assertEquals(2, file.tensor("x").data().byteSize());
      assertEquals(Map.of(), file.metadata());
    }
  }

  @Test
  void dataMayBeUnaligned() throws IOException {
    String header = "{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    int spaces = Math.floorMod(1 - header.length(), 4);
    byte[] bytes = Fixtures.safetensors(header + " ".repeat(spaces), 4);
    bytes[bytes.length - 1] = 0x40; // 2.0
    for (LoadMode mode : LoadMode.values()) {
      try (SafetensorsFile file = SafetensorsFile.open(write(bytes), mode)) {
        assertFalse(Tensors.isAligned(file.tensor("x")));
        assertEquals(2f, file.tensor("x").data().get(Segments.FLOAT, 0));
      }
    }
  }

  @Test
  void readsFilesOverFourGigabytes() throws IOException {
    long bytes = 5L << 30;
    String header =
        "{\"big\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[0,%d]}}"
            .formatted(bytes, bytes);
    Path path = write(Fixtures.safetensors(header, 0));
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      // A sparse file: only its last page takes space.
      channel.write(ByteBuffer.wrap(new byte[] {42}), channel.size() + bytes - 1);
    }
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      var data = file.tensor("big").data();
      assertEquals(42, data.get(ValueLayout.JAVA_BYTE, bytes - 1));
      assertEquals(0, data.get(ValueLayout.JAVA_BYTE, 1L << 32));
    }
  }

  @Test
  void aCopyOutlivesTheFile() throws IOException {
    byte[] bytes = Files.readAllBytes(Fixtures.golden("dtypes.safetensors"));
    Path path = write(bytes);
    try (SafetensorsFile file = SafetensorsFile.open(path, LoadMode.COPY)) {
      Files.write(path, new byte[0]);
      assertArrayEquals(new byte[] {-128, 127, 0}, Fixtures.toArray(file.tensor("i8")));
    }
  }

  @Test
  void aFileThatShrinksWhileItIsCopiedIsRefused() throws IOException {
    Path path = write(new byte[10]);
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(path)) {
      Fixtures.refuses(
          Kind.FILE_CHANGED, () -> FileBytes.copy(path, channel, 12, arena), "12 bytes", "10");
    }
  }

  @Test
  void nothingIsLeftAfterClose() throws IOException {
    SafetensorsFile file = SafetensorsFile.open(Fixtures.golden("dtypes.safetensors"));
    NamedTensor tensor = file.tensor("u8");
    file.close();
    file.close();
    assertThrows(IllegalStateException.class, () -> tensor.data().get(ValueLayout.JAVA_BYTE, 0));
  }

  @Test
  void readersThatRaceWithCloseGetAnExceptionNotACrash() throws Exception {
    SafetensorsFile file = SafetensorsFile.open(Fixtures.golden("dtypes.safetensors"));
    var data = file.tensor("u8").data();
    CountDownLatch reading = new CountDownLatch(1);
    Thread reader =
        new Thread(() -> {
          try {
            while (data.get(ValueLayout.JAVA_BYTE, 1) == -1) {
              reading.countDown();
            }
          } catch (IllegalStateException e) {
            return; // closed
          }
        });
    reader.start();
    reading.await();
    file.close();
    reader.join(10_000);
    assertFalse(reader.isAlive());
  }

  @Test
  void namesTheTensorThatIsNotThere() throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(Fixtures.golden("dtypes.safetensors"))) {
      Fixtures.refuses(
          Kind.MISSING_TENSOR, () -> file.tensor("weight"), "'weight'", "10", "dtypes.safetensors");
    }
  }

  @Test
  void refusesWhatIsNoFile() {
    Fixtures.refuses(
        Kind.CANNOT_READ,
        () -> SafetensorsFile.open(folder.resolve("missing.safetensors")),
        "missing.safetensors",
        "no such file");
    Fixtures.refuses(Kind.CANNOT_READ, () -> SafetensorsFile.open(folder), "is a folder");
  }

  private Path write(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("model.safetensors"), bytes);
  }
}
