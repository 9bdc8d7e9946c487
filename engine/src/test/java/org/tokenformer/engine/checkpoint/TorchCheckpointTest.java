package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.tensor.Shape;

/** Checkpoints written by torch, and their expected contents. */
class TorchCheckpointTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "dtypes, dtypes",
    "views, views",
    "protocol2, protocols",
    "protocol3, protocols",
    "protocol4, protocols",
    "protocol5, protocols",
    "nested, protocols",
    "no-checksums, protocols",
    "deflated, protocols",
    "padded, protocols",
    "training2, protocols",
    "training4, protocols",
    "nested-twice, protocols",
    "other-key, protocols",
    "attributes, protocols",
    "rows, rows"
  })
  void findsWhatTorchWrote(String file, String expected) throws IOException {
    for (LoadMode mode : LoadMode.values()) {
      try (TorchCheckpoint torch = TorchCheckpoint.open(Fixtures.golden(file + ".bin"), mode);
          SafetensorsFile golden =
              SafetensorsFile.open(Fixtures.golden(expected + ".safetensors"))) {
        Fixtures.assertSameTensors(golden.tensors(), torch.tensors());
      }
    }
  }

  @Test
  void keepsTheOrderAndSharesStorages() throws IOException {
    try (TorchCheckpoint torch = TorchCheckpoint.open(Fixtures.golden("views.bin"))) {
      assertEquals(
          List.of("base", "transposed", "rows"),
          List.copyOf(torch.tensors().keySet()).subList(0, 3));
      long base = torch.tensor("base").data().address();
      assertEquals(base, torch.tensor("same").data().address());
      assertEquals(base + 24, torch.tensor("rows").data().address());
      assertEquals(0, base % 64);
      assertThrows(
          IllegalArgumentException.class,
          () -> torch.tensor("transposed").data().set(ValueLayout.JAVA_BYTE, 0, (byte) 0));
    }
  }

  @Test
  void nothingIsLeftAfterClose() throws IOException {
    TorchCheckpoint torch = TorchCheckpoint.open(Fixtures.golden("views.bin"));
    NamedTensor copied = torch.tensor("transposed");
    torch.close();
    torch.close();
    assertThrows(IllegalStateException.class, () -> copied.data().get(ValueLayout.JAVA_BYTE, 0));
  }

  @ParameterizedTest
  @CsvSource({
    "legacy, NOT_A_CHECKPOINT, torch.save(torch.load(",
    "whole-module, BAD_STATE_DICT, 'torch.nn.modules.container.Sequential'",
    "two-models, BAD_STATE_DICT, both 'model' and 'module'",
    "os-system, FORBIDDEN_GLOBAL, 'requests ''posix.system'', which is not allowed (nothing was run)'",
    "complex, BAD_STATE_DICT, under 'c' a tensor of 'torch.ComplexFloatStorage'",
    "negated, BAD_STATE_DICT, lazily negated"
  })
  void refuses(String file, Kind kind, String part) {
    Path path = Fixtures.golden(file + ".bin");
    Fixtures.refuses(kind, () -> TorchCheckpoint.open(path).close(), file + ".bin", part);
    assertFalse(Files.exists(Path.of("executed")));
  }

  @Test
  void saysWhereTheWeightsWereAndWhatWasLeftOut() throws IOException {
    assertEquals(List.of(), notes("protocol2"));
    assertEquals(
        List.of(
            "weights taken from 'model'",
            "left out 'epoch', 'args', 'optimizer', 'rng_state', 'numpy', 'generator', 'python',"
                + " a tuple of 2 and 1 more"),
        notes("training2"));
    assertEquals(
        List.of("weights taken from 'state_dict' / 'module'", "left out 'epoch', 'ema'"),
        notes("nested-twice"));
    assertEquals(List.of("weights taken from 'net'", "left out 'rng_state'"), notes("other-key"));
    assertEquals(List.of("left out '_extra_state'"), notes("attributes"));
  }

  private static List<String> notes(String file) throws IOException {
    try (TorchCheckpoint torch = TorchCheckpoint.open(Fixtures.golden(file + ".bin"))) {
      return torch.notes();
    }
  }

  /** A file of a kilobyte that describes a tensor of four terabytes: opened, but never copied. */
  @Test
  void copiesNoMoreThanTheCallerExpects() throws IOException {
    try (TorchCheckpoint torch = TorchCheckpoint.open(Fixtures.golden("expanded.bin"))) {
      assertEquals(Shape.of(1L << 40), torch.info("expanded").shape());
      Fixtures.refuses(Kind.LIMIT, torch::tensors, "'expanded'", "copies");
    }
  }

  @Test
  void refusesWhatIsNoArchive() throws IOException {
    Path safetensors = Fixtures.golden("dtypes.safetensors");
    Fixtures.refuses(Kind.NOT_A_CHECKPOINT, () -> TorchCheckpoint.open(safetensors).close(), "zip");
    byte[] whole = Files.readAllBytes(Fixtures.golden("protocol2.bin"));
    byte[] half = Arrays.copyOf(whole, whole.length / 2);
    Path cut = Files.write(folder.resolve("cut.bin"), half);
    Fixtures.refuses(Kind.NOT_A_CHECKPOINT, () -> TorchCheckpoint.open(cut).close(), "cut.bin");
    Path empty = Files.createFile(folder.resolve("empty.bin"));
    Fixtures.refuses(Kind.NOT_A_CHECKPOINT, () -> TorchCheckpoint.open(empty).close(), "0 bytes");
  }

  @Test
  void writesWhatItReads() throws IOException {
    Path path = folder.resolve("copy.bin");
    for (String name : List.of("dtypes", "views", "protocol4")) {
      try (TorchCheckpoint source = TorchCheckpoint.open(Fixtures.golden(name + ".bin"))) {
        TorchCheckpointWriter.write(path, List.copyOf(source.tensors().values()));
        try (TorchCheckpoint copy = TorchCheckpoint.open(path)) {
          Fixtures.assertSameTensors(source.tensors(), copy.tensors());
          assertEquals(
              List.copyOf(source.tensors().keySet()), List.copyOf(copy.tensors().keySet()));
          for (NamedTensor tensor : copy.tensors().values()) {
            assertEquals(0, tensor.data().address() % 64, tensor.name());
          }
        }
      }
    }
  }

  @Test
  void writesZip64WhereItMust() throws IOException {
    NamedTensor x = Fixtures.floats("x", Shape.of(3), 1, 2, 3);
    byte[] pickle = PickleWriter.stateDict(List.of(x));
    for (long zip64From : new long[] {0, 1, 12, 13, 100, 200, 500, 1000}) {
      byte[] bytes =
          Fixtures.bytesOf(out -> {
            ZipWriter zip = new ZipWriter(out, zip64From);
            zip.add("archive/data.pkl", MemorySegment.ofArray(pickle));
            zip.add("archive/data/0", x.data());
            zip.finish();
          });
      Path path = Files.write(folder.resolve("zip64.bin"), bytes);
      try (TorchCheckpoint file = TorchCheckpoint.open(path)) {
        Fixtures.assertSameTensors(new LinkedHashMap<>(Map.of("x", x)), file.tensors());
      }
    }
  }

  @Test
  void writerRefusesNamesAndFullDisks() throws IOException {
    Path path = folder.resolve("out.bin");
    NamedTensor x = Fixtures.floats("x", Shape.of(3), 1, 2, 3);
    Fixtures.refuses(
        Kind.DUPLICATE_NAME, () -> TorchCheckpointWriter.write(path, List.of(x, x)), "'x'");
    AtomicFiles.Writer writer = TorchCheckpointWriter.writer(path, List.of(x));
    int size = Fixtures.bytesOf(writer).length;
    for (int room : new int[] {0, 70, size - 1}) {
      Fixtures.refuses(
          Kind.CANNOT_WRITE,
          () -> AtomicFiles.write(path, out -> writer.write(new FullDisk(out, room))),
          "out.bin",
          "No space left on device");
    }
    assertEquals(List.of(), Fixtures.filesIn(folder));
  }
}
