package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.tensor.Shape;

/** Checkpoints in several files, and the choice of a file in a folder. */
class CheckpointFinderTest {
  private static final NamedTensor A = Fixtures.floats("a", Shape.of(2), 1, 2);
  private static final NamedTensor B = Fixtures.floats("b", Shape.of(3), 3, 4, 5);
  private static final NamedTensor C = Fixtures.floats("c", Shape.of(1), 6);

  @TempDir Path root;
  private Path folder = Path.of("");

  @BeforeEach
  void makeFolder() throws IOException {
    folder = Files.createDirectory(root.resolve("checkpoint"));
  }

  private Path torch(String name, NamedTensor... tensors) throws IOException {
    Path file = folder.resolve(name);
    TorchCheckpointWriter.write(file, List.of(tensors));
    return file;
  }

  private Path safetensors(String name, NamedTensor... tensors) throws IOException {
    Path file = folder.resolve(name);
    SafetensorsWriter.write(file, List.of(tensors), Map.of());
    return file;
  }

  private Path text(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text);
  }

  private static String index(String map) {
    return "{\"metadata\":{\"total_size\":24},\"weight_map\":{" + map + "}}";
  }

  private static void assertTensors(Path path, NamedTensor... expected) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(path)) {
      assertEquals(
          List.of(expected).stream().map(NamedTensor::name).sorted().toList(),
          checkpoint.index().keySet().stream().sorted().toList());
      assertEquals(checkpoint.index().keySet(), checkpoint.tensors().keySet());
      for (NamedTensor tensor : expected) {
        assertEquals(tensor.shape(), checkpoint.info(tensor.name()).shape());
        assertEquals(-1, tensor.data().mismatch(checkpoint.tensor(tensor.name()).data()));
      }
    }
  }

  private static void refuses(Kind kind, Path path, String... parts) {
    Fixtures.refuses(kind, () -> Checkpoint.open(path).close(), parts);
  }

  @Test
  void tellsTheTwoKindsOfFilesByTheirContent() throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(torch("x.safetensors", A))) {
      assertInstanceOf(TorchCheckpoint.class, checkpoint);
    }
    try (Checkpoint checkpoint = Checkpoint.open(safetensors("x.bin", A))) {
      assertInstanceOf(SafetensorsFile.class, checkpoint);
    }
  }

  @Test
  void torchShardsWithAnIndex() throws IOException {
    Path first = torch("pytorch_model-00001-of-00002.bin", A, C);
    Path second = torch("pytorch_model-00002-of-00002.bin", B);
    String names =
        "\"a\":\"pytorch_model-00001-of-00002.bin\",\"b\":\"pytorch_model-00002-of-00002.bin\"";
    Path index = text("pytorch_model.bin.index.json", index(names));
    for (Path path : List.of(folder, index, first, second)) {
      assertTensors(path, A, B, C);
    }
    Files.delete(second);
    for (Path path : List.of(folder, index, first)) {
      refuses(
          Kind.CANNOT_READ,
          path,
          "pytorch_model.bin.index.json: 1 of its 2 files are missing",
          "'pytorch_model-00002-of-00002.bin'");
    }
  }

  @Test
  void safetensorsShardsWithAnIndex() throws IOException {
    Path first = safetensors("model-00001-of-00002.safetensors", A);
    safetensors("model-00002-of-00002.safetensors", B);
    Path index =
        text(
            "model.safetensors.index.json",
            index(
                "\"a\":\"model-00001-of-00002.safetensors\","
                    + "\"b\":\"model-00002-of-00002.safetensors\""));
    torch("pytorch_model.bin", C); // HF transformers prefers safetensors, too
    for (Path path : List.of(folder, index, first)) {
      assertTensors(path, A, B);
    }
  }

  @Test
  void shardsWithoutAnIndex() throws IOException {
    Path first = torch("weights-00001-of-00003.bin", A);
    torch("weights-00002-of-00003.bin", B);
    Path third = torch("weights-00003-of-00003.bin", C);
    for (Path path : List.of(folder, first, third)) {
      assertTensors(path, A, B, C);
    }
    Files.delete(third);
    refuses(Kind.CANNOT_READ, first, "1 of its 3 files", "'weights-00003-of-00003.bin'");
    refuses(Kind.CANNOT_READ, third, "no such file");
    refuses(Kind.LIMIT, torch("weights-00001-of-99999.bin", A), "99999", "10000");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"../x.bin", "/etc/passwd", "sub/x.bin", "..", "a\\b.bin", "C:x", "", ".x", "x\ny"})
  void indexesThatLeadAstray(String file) throws IOException {
    torch("x.bin", A);
    String json = file.replace("\\", "\\\\").replace("\n", "\\n");
    Path index = text("model.index.json", index("\"a\":\"" + json + "\""));
    refuses(Kind.BAD_NAME, index, "'a'", CheckpointException.quote(file));
  }

  @ParameterizedTest
  @CsvSource(
      value = {
        "{'weight_map':{'a':'x.bin','a':'x.bin'}}|DUPLICATE_NAME|'a' twice",
        "{'weight_map':{},'weight_map':{}}|DUPLICATE_NAME|'weight_map' twice",
        "{'weight_map':{'a':'x.bin','b':'x.bin'}}|MISSING_TENSOR|'b' in 'x.bin'",
        "{'weight_map':{'a':'y.bin'}}|CANNOT_READ|1 of its 1 files are missing beside it: 'y.bin'",
        "{'weight_map':{'a':'x.bin','z':'other.bin'}}|DUPLICATE_NAME|which is also in",
        "{'weight_map':{'b':'x.bin','a':'b.bin'}}|MISSING_TENSOR|'b' in 'x.bin'",
        "{'weight_map':{'a':1}}|BAD_JSON|neither",
        "{'weight_map':['a']}|BAD_JSON|neither a checkpoint nor a JSON index",
        "{'weight_map':{}}|NOT_A_CHECKPOINT|no index",
        "{'a':1}|NOT_A_CHECKPOINT|no index",
        "[]|BAD_JSON|neither",
        "{'weight_map':{'a':'x.bin'}} {}|BAD_JSON|neither",
        "{'weight_map':{'a':|BAD_JSON|neither"
      },
      delimiter = '|',
      quoteCharacter = '`')
  void wrongIndexes(String json, Kind kind, String part) throws IOException {
    torch("x.bin", A);
    torch("other.bin", A, Fixtures.floats("z", Shape.of(1), 1));
    torch("b.bin", B);
    Path index = text("model.index.json", json.replace('\'', '"'));
    refuses(kind, index, part);
  }

  @Test
  void layersOfDeepSpeed() throws IOException {
    Path first = torch("layer_00-model_00-model_states.pt", A);
    torch("layer_10-model_00-model_states.pt", A, B);
    torch("mp_rank_00_model_states.pt", C);
    NamedTensor[] all = {
      A.withName("sequential.0.a"), A.withName("sequential.10.a"), B.withName("sequential.10.b")
    };
    assertTensors(folder, all);
    assertTensors(first, all);
    torch("layer_10-model_01-model_states.pt", A, B);
    refuses(
        Kind.NOT_A_CHECKPOINT,
        folder,
        "'layer_10-model_01-model_states.pt' has only a slice of each tensor");
  }

  @Test
  void foldersWithOneOrSeveralOrNoFiles() throws IOException {
    refuses(Kind.NOT_A_CHECKPOINT, folder, "checkpoint: contains no weights", "nothing");
    text("notes.txt", "x");
    refuses(Kind.NOT_A_CHECKPOINT, folder, "only 'notes.txt'");
    torch("best.pt", A);
    assertTensors(folder, A);
    torch("last.ckpt", B);
    refuses(Kind.NOT_A_CHECKPOINT, folder, "contains 2 checkpoints: 'best.pt', 'last.ckpt'");
    torch("pytorch_model.bin", C);
    assertTensors(folder, C);
    Path distributed = Files.createDirectory(folder.resolve("distributed"));
    Path part = Files.createFile(distributed.resolve("__0_0.distcp"));
    refuses(Kind.NOT_A_CHECKPOINT, distributed, "dcp_to_torch");
    refuses(Kind.NOT_A_CHECKPOINT, part, "dcp_to_torch");
    refuses(Kind.CANNOT_READ, folder.resolve("none"), "no such file");
  }

  /** Returns the first bytes of files, one per character, and what a message calls them. */
  static Stream<Arguments> otherFiles() {
    return Stream.of(
        Arguments.of("", "is empty (0 bytes)"),
        Arguments.of(
            "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n",
            "run 'git lfs pull'"),
        Arguments.of("\u00ef\u00bb\u00bf <!DOCTYPE html><title>Sign in</title>", "is an HTML page"),
        Arguments.of("<html>", "is an HTML page"),
        Arguments.of("<?xml version=\"1.0\"?><Error>", "is an XML document"),
        Arguments.of(
            "\u001f\u008b\b\0\0\0\0\0",
            "is a gzip file; unpack it first, for example with 'gzip -d'"),
        Arguments.of("\u00fd7zXZ\0", "'xz -d'"),
        Arguments.of("BZh9", "'bzip2 -d'"),
        Arguments.of("(\u00b5/\u00fd", "'zstd -d'"),
        Arguments.of("\0\0\0\0\0\0\0\0\0\0\0\0", "begins with 12 zero bytes"),
        Arguments.of("GGUF\3\0\0\0", "is a GGUF model"),
        Arguments.of("\u0089HDF\r\n\u001a\n", "is an HDF5 file"),
        Arguments.of("\u0093NUMPY\1", "is a NumPy array"),
        Arguments.of("\b\7\u0012\7pytorch", "is an ONNX model"),
        Arguments.of("\u0080\4\u0095\0\0\0\0\0\0\0\0}.", "is a Python pickle"));
  }

  @ParameterizedTest
  @MethodSource("otherFiles")
  void otherFilesAreNamed(String content, String what) throws IOException {
    byte[] bytes = content.getBytes(StandardCharsets.ISO_8859_1);
    Path file = Files.write(folder.resolve("model.safetensors"), bytes);
    assertTrue(String.valueOf(FileSignature.describe(file)).contains(what));
    refuses(Kind.NOT_A_CHECKPOINT, file, "model.safetensors: ", what);
    Fixtures.refuses(Kind.NOT_A_CHECKPOINT, () -> SafetensorsFile.open(file).close(), what);
    Fixtures.refuses(Kind.NOT_A_CHECKPOINT, () -> TorchCheckpoint.open(file).close(), what);
    Path index = Files.write(folder.resolve("model.safetensors.index.json"), bytes);
    refuses(Kind.NOT_A_CHECKPOINT, index, what);
  }
}
