package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.testing.Tensors;

class SafetensorsWriterTest {
  @TempDir Path folder;

  @Test
  void writesWhatItReads() throws IOException {
    Path path = folder.resolve("copy.safetensors");
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put("zulu", "1 < 2 \"quoted\" \u2028 é 🙂\n");
    metadata.put("alpha", "");
    for (String golden : List.of("dtypes", "views", "protocols")) {
      try (SafetensorsFile source =
          SafetensorsFile.open(Fixtures.golden(golden + ".safetensors"))) {
        SafetensorsWriter.write(path, List.copyOf(source.tensors().values()), metadata);
        try (SafetensorsFile copy = SafetensorsFile.open(path)) {
          Fixtures.assertSameTensors(source.tensors(), copy.tensors());
          assertEquals(List.copyOf(metadata.entrySet()), List.copyOf(copy.metadata().entrySet()));
        }
      }
    }
    assertEquals(List.of("copy.safetensors"), Fixtures.filesIn(folder));
  }

  @Test
  void dataBeginsAlignedAndWideTypesComeFirst() throws IOException {
    Path path = folder.resolve("aligned.safetensors");
    NamedTensor odd =
        new NamedTensor("odd", DType.I8, Shape.of(3), MemorySegment.ofArray(new byte[3]));
    NamedTensor first = Fixtures.floats("first", Shape.of(2), 1, 2);
    NamedTensor second = Fixtures.floats("second", Shape.of(), 3);
    for (int extra = 0; extra < 64; extra++) {
      Map<String, String> metadata = Map.of("pad", "x".repeat(extra));
      SafetensorsWriter.write(path, List.of(odd, first, second), metadata);
      try (SafetensorsFile file = SafetensorsFile.open(path)) {
        assertEquals(List.of("first", "second", "odd"), List.copyOf(file.tensors().keySet()));
        assertEquals(0, file.tensor("first").data().address() % 64);
        assertTrue(file.tensors().values().stream().allMatch(Tensors::isAligned));
      }
    }
  }

  @Test
  void takesArraysOfAnyType() throws IOException {
    Path path = folder.resolve("heap.safetensors");
    float[] values = new float[100_003];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    NamedTensor tensor =
        new NamedTensor("x", DType.F32, Shape.of(values.length), MemorySegment.ofArray(values));
    SafetensorsWriter.write(path, List.of(tensor), Map.of());
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertArrayEquals(values, file.tensor("x").data().toArray(Segments.FLOAT));
    }
  }

  @Test
  void theSameTensorsGiveTheSameBytes() throws IOException {
    List<NamedTensor> tensors = List.of(Fixtures.floats("x", Shape.of(1), 1));
    SafetensorsWriter.write(folder.resolve("a"), tensors, Map.of("k", "v"));
    SafetensorsWriter.write(folder.resolve("b"), tensors, Map.of("k", "v"));
    assertEquals(-1, Files.mismatch(folder.resolve("a"), folder.resolve("b")));
  }

  @Test
  void refusesNamesBeforeItWrites() throws IOException {
    Path path = folder.resolve("names.safetensors");
    NamedTensor x = Fixtures.floats("x", Shape.of(1), 1);
    NamedTensor reserved = Fixtures.floats("__metadata__", Shape.of(1), 1);
    NamedTensor half = Fixtures.floats("\ud800", Shape.of(1), 1);
    Fixtures.refuses(
        Kind.DUPLICATE_NAME, () -> SafetensorsWriter.write(path, List.of(x, x), Map.of()), "'x'");
    Fixtures.refuses(
        Kind.BAD_NAME,
        () -> SafetensorsWriter.write(path, List.of(reserved), Map.of()),
        "'__metadata__'");
    Fixtures.refuses(
        Kind.BAD_NAME, () -> SafetensorsWriter.write(path, List.of(half), Map.of()), "\\ud800");
    NamedTensor deep = Fixtures.floats("deep", Shape.of(ones(65)), 1);
    Fixtures.refuses(
        Kind.LIMIT, () -> SafetensorsWriter.write(path, List.of(deep), Map.of()), "65", "64");
    NamedTensor[] many = new NamedTensor[TensorLimits.MAX_TENSORS + 1];
    Arrays.fill(many, x);
    Fixtures.refuses(
        Kind.LIMIT, () -> SafetensorsWriter.write(path, List.of(many), Map.of()), "100001");
    assertEquals(List.of(), Fixtures.filesIn(folder));
  }

  private static long[] ones(int count) {
    long[] ones = new long[count];
    Arrays.fill(ones, 1);
    return ones;
  }

  @Test
  void aFullDiskLeavesTheOldFileAndNoRubbish() throws IOException {
    Path path = Files.writeString(folder.resolve("model.safetensors"), "old");
    List<NamedTensor> tensors = List.of(Fixtures.floats("x", Shape.of(100), new float[100]));
    for (int room : new int[] {0, 5, 8, 64, 300}) {
      AtomicFiles.Writer writer =
          SafetensorsWriter.writer(
              path, tensors.stream().map(PendingTensor::of).toList(), Map.of());
      Fixtures.refuses(
          Kind.CANNOT_WRITE,
          () -> AtomicFiles.write(path, out -> writer.write(new FullDisk(out, room))),
          "model.safetensors",
          "No space left on device");
      assertEquals("old", Files.readString(path));
      assertEquals(List.of("model.safetensors"), Fixtures.filesIn(folder));
    }
  }
}
