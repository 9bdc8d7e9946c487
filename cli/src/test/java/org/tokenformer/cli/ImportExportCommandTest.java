package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.engine.checkpoint.Checkpoint;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsWriter;
import org.tokenformer.engine.checkpoint.TorchCheckpointWriter;

class ImportExportCommandTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"gelu-after-norm", "norm-after-gelu", "softmax", "untied-full-rotary"})
  void exportAndImportGiveTheSameModel(String name) throws IOException {
    Path golden = CommandLineFixtures.golden(name);
    Path first = CommandLineFixtures.model(golden, folder.resolve("first"));
    assertEquals(
        List.of("config.json", "model.safetensors", "tokenizer.json"),
        CommandLineFixtures.content(first));
    Path released = folder.resolve("released");
    Result export = export(first, released);
    assertEquals(0, export.code(), export.err());
    assertEquals("", export.out());
    assertEquals(
        List.of("config.yml", "pytorch_model.bin", "tokenizer.json"),
        CommandLineFixtures.content(released));
    Path second = CommandLineFixtures.model(released, folder.resolve("second"));
    for (String file : CommandLineFixtures.content(first)) {
      assertArrayEquals(
          Files.readAllBytes(first.resolve(file)), Files.readAllBytes(second.resolve(file)), file);
    }
    assertEquals(List.of("first", "released", "second"), CommandLineFixtures.content(folder));
  }

  @Test
  void importSaysWhatItMade() {
    Result result = CommandLineHarness.run(arguments(golden(), folder.resolve("m")));
    assertEquals(0, result.code(), result.err());
    assertEquals("", result.out());
    assertTrue(result.err().contains("2 layers, 64 channels"), result.err());
  }

  @Test
  void importConvertsToBf16() throws IOException {
    Path plain = CommandLineFixtures.model(golden(), folder.resolve("f32"));
    Result result =
        CommandLineHarness.run(arguments(golden(), folder.resolve("bf16"), "--type", "bf16"));
    assertEquals(0, result.code(), result.err());
    long full = Files.size(plain.resolve("model.safetensors"));
    long half = Files.size(folder.resolve("bf16").resolve("model.safetensors"));
    assertTrue(half < 0.6 * full, half + " of " + full);
    Result generated =
        CommandLineHarness.run("generate", "-m", folder.resolve("bf16").toString(), "Once");
    assertEquals(0, generated.code(), generated.err());
  }

  /**
   * Checkpoints as DistributedDataParallel and torch.compile name them, in shards, as safetensors.
   * PyTorch computed the sum in float64, with the functions of testdata/goldens/make_thetas.py.
   */
  @Test
  void importsWhatTrainingProgramsSave() throws IOException {
    Path golden = CommandLineFixtures.golden("untied-full-rotary");
    Path shards = Files.createDirectory(folder.resolve("shards"));
    Path wrapped = folder.resolve("wrapped.bin");
    try (Checkpoint checkpoint = Checkpoint.open(golden)) {
      List<NamedTensor> tensors = List.copyOf(checkpoint.tensors().values());
      TorchCheckpointWriter.write(
          wrapped, tensors.stream().map(t -> t.withName("_orig_mod.module." + t.name())).toList());
      SafetensorsWriter.write(
          shards.resolve("model-00001-of-00002.safetensors"), tensors.subList(0, 9), Map.of());
      SafetensorsWriter.write(
          shards.resolve("model-00002-of-00002.safetensors"), tensors.subList(9, 34), Map.of());
    }
    assertImports(golden, wrapped, "removed '_orig_mod.' and 'module.' from the names of 34");
    assertImports(golden, shards, "model-00001-of-00002.safetensors: weights read from here");
    Files.delete(shards.resolve("model-00002-of-00002.safetensors"));
    refusesFile("--checkpoint", shards, "'model-00002-of-00002.safetensors'", "missing");
  }

  private void assertImports(Path golden, Path checkpoint, String note) {
    Path model = folder.resolve("model-" + checkpoint.getFileName());
    Result result =
        CommandLineHarness.run(
            "import",
            "--checkpoint",
            checkpoint.toString(),
            "--config",
            golden.resolve("config.yml").toString(),
            "--tokenizer",
            golden.resolve("tokenizer.json").toString(),
            "-o",
            model.toString());
    assertEquals(0, result.code(), result.err());
    assertTrue(result.err().contains(note), result.err());
    Result score =
        CommandLineHarness.runWithInput(
            "{\"ids\":[1,2,3,4,5,6,7,8,9,10]}\n", "score", "-m", model.toString());
    String sum = score.out().replaceAll("(?s).*\"sum\":(.*)}.*", "$1");
    assertEquals(-126.85200030297837, Double.parseDouble(sum), 1e-4, score.out());
  }

  @Test
  void namesPointersOfGitLfs() throws IOException {
    Path pointer =
        Files.writeString(
            folder.resolve("pointer"),
            "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 16261952\n");
    for (String option : List.of("--checkpoint", "--config")) {
      refusesFile(option, pointer, "pointer: is a Git LFS pointer", "'git lfs pull'");
    }
  }

  /** A read-only file could not be synced by anyone but root, nor replaced by its owner. */
  @Test
  void filesOfAReadOnlySourceBecomeOrdinaryOnes() throws IOException {
    Path source = CommandLineFixtures.copy(golden(), folder.resolve("source"));
    for (String name : CommandLineFixtures.content(source)) {
      assertTrue(source.resolve(name).toFile().setReadOnly());
    }
    Path model = CommandLineFixtures.model(source, folder.resolve("model"));
    assertOrdinary(model.resolve("tokenizer.json"));
    assertTrue(model.resolve("tokenizer.json").toFile().setReadOnly());
    Path released = folder.resolve("released");
    Result export = export(model, released);
    assertEquals(0, export.code(), export.err());
    assertOrdinary(released.resolve("tokenizer.json"));
  }

  private static void assertOrdinary(Path file) throws IOException {
    assertTrue(Files.getPosixFilePermissions(file).contains(PosixFilePermission.OWNER_WRITE));
  }

  private static Path golden() {
    return CommandLineFixtures.golden("gelu-after-norm");
  }

  private static String[] arguments(Path released, Path target, String... more) {
    List<String> args =
        new ArrayList<>(List.of(CommandLineFixtures.importArguments(released, target)));
    args.addAll(List.of(more));
    return args.toArray(String[]::new);
  }

  /** Imports with one of the three files replaced. */
  private void refusesFile(String option, Path file, String... parts) throws IOException {
    List<String> before = CommandLineFixtures.content(folder);
    String[] args = arguments(golden(), folder.resolve("refused"));
    for (int i = 0; i < args.length; i++) {
      if (args[i].equals(option)) {
        args[i + 1] = file.toString();
      }
    }
    CommandLineFixtures.assertRefused(List.of(parts), args);
    assertEquals(before, CommandLineFixtures.content(folder), "something was left behind");
  }

  @Test
  void refusesCheckpointsByTheirCause() throws IOException {
    Path data = CommandLineFixtures.testData("checkpoint");
    String option = "--checkpoint";
    refusesFile(option, data.resolve("os-system.bin"), "os-system.bin", "posix", "system");
    refusesFile(option, data.resolve("legacy.bin"), "legacy.bin", "torch before 1.6");
    refusesFile(option, data.resolve("two-models.bin"), "both 'model' and 'module'");
    refusesFile(option, data.resolve("dtypes.bin"), "word_embeddings.weight", "missing");
    refusesFile(option, folder.resolve("none"), "none", "no such file");
    refusesFile(option, folder, folder.toString(), "contains no weights");
    refusesFile(option, golden().resolve("config.yml"), "config.yml", "not a complete zip");
    refusesFile(
        option,
        CommandLineFixtures.golden("untied-full-rotary").resolve("pytorch_model.bin"),
        "pytorch_model.bin",
        "tensor");
    byte[] bytes = Files.readAllBytes(golden().resolve("pytorch_model.bin"));
    bytes[bytes.length / 2] ^= 1;
    Path flipped = Files.write(folder.resolve("flipped.bin"), bytes);
    refusesFile(option, flipped, flipped.toString(), "checksum");
  }

  @Test
  void refusesSettingsByTheirCause() throws IOException {
    String yaml = Files.readString(golden().resolve("config.yml"));
    for (Map.Entry<String, List<String>> change :
        Map.of(
                "\"num_layers\": 2", List.of("\"num_layers\": 3", "sequential.4", "missing"),
                "\"hidden_size\": 64",
                    List.of(
                        "\"hidden_size\": -64",
                        "hidden_size must be between 1 and 16777216, not -64"),
                "\"num_attention_heads\": 4",
                    List.of("\"other\": 4", "num_attention_heads", "missing"),
                "\"norm\": \"layernorm_nonparam\"", List.of("\"norm\": \"rms\"", "norm", "rms"),
                "\"l2_norm_gelu\",", List.of("\"relu\",", "norm_activation_type", "relu"),
                "\"pos_emb\": \"rotary\"", List.of("\"pos_emb\": !x", "config.yml", "line"))
            .entrySet()) {
      assertTrue(yaml.contains(change.getKey()), change.getKey());
      List<String> parts = change.getValue();
      Path broken = folder.resolve("config.yml");
      Files.writeString(broken, yaml.replace(change.getKey(), parts.getFirst()));
      refusesFile("--config", broken, parts.subList(1, parts.size()).toArray(String[]::new));
    }
    refusesFile("--config", folder.resolve("none"), "none", "no such file");
  }

  @Test
  void refusesTokenizersByTheirCause() throws IOException {
    refusesFile("--tokenizer", folder.resolve("none"), "none: does not exist");
    refusesFile(
        "--tokenizer",
        CommandLineFixtures.testData("tokenizer/trained/by-size.json"),
        "512 rows",
        "700 ids");
    Path broken = Files.writeString(folder.resolve("tokenizer.json"), "{\"model\":{}}");
    refusesFile("--tokenizer", broken, broken.toString());
  }

  @Test
  void replacesAModelWhenForced() throws IOException {
    Path model = CommandLineFixtures.model(golden(), folder.resolve("model"));
    CommandLineFixtures.assertRefused(
        List.of(model + ": already exists", "--force"), arguments(golden(), model));
    Path softmax = CommandLineFixtures.golden("softmax");
    Result forced = CommandLineHarness.run(arguments(softmax, model, "--force"));
    assertEquals(0, forced.code(), forced.err());
    assertTrue(Files.readString(model.resolve("config.json")).contains("softmax"));

    Path released = folder.resolve("released");
    assertEquals(0, export(model, released).code());
    CommandLineFixtures.assertRefused(
        List.of(released + ": already exists", "--force"), export(model, released));
    assertEquals(0, export(model, released, "--force").code());

    assertEquals(List.of("model", "released"), CommandLineFixtures.content(folder));
  }

  @Test
  void fillsAnEmptyFolderAndFollowsALinkToOne() throws IOException {
    List<String> files = List.of("config.json", "model.safetensors", "tokenizer.json");
    Path empty = Files.createDirectory(folder.resolve("empty"));
    Files.createDirectory(empty.resolve(".model.killed.tmp")); // left by a killed writer
    assertEquals(0, CommandLineHarness.run(arguments(golden(), empty)).code());
    assertEquals(files, CommandLineFixtures.content(empty));
    Path link = Files.createSymbolicLink(folder.resolve("link"), empty);
    assertEquals(0, CommandLineHarness.run(arguments(golden(), link, "--force")).code());
    assertEquals(files, CommandLineFixtures.content(empty));
    assertTrue(Files.isSymbolicLink(link));
    assertEquals(List.of("empty", "link"), CommandLineFixtures.content(folder));
  }

  /** A shell would stay in the deleted folder if it were replaced by another one. */
  @Test
  void fillsTheCurrentFolder() throws Exception {
    Path current = Files.createDirectory(folder.resolve("current"));
    Object key = Files.readAttributes(current, BasicFileAttributes.class).fileKey();
    List<String> force = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      String[] args = arguments(golden(), Path.of("."), force.toArray(String[]::new));
      Result result = CommandLineHarness.runInFolder(current, args);
      assertEquals(0, result.code(), result.err());
      assertEquals(
          List.of("config.json", "model.safetensors", "tokenizer.json"),
          CommandLineFixtures.content(current));
      assertEquals(key, Files.readAttributes(current, BasicFileAttributes.class).fileKey());
      force.add("--force");
    }
    assertEquals(List.of("current"), CommandLineFixtures.content(folder));
  }

  @Test
  void refusesPlacesBeforeItReads() throws IOException {
    Path none = folder.resolve("none").resolve("model");
    CommandLineFixtures.assertRefused(
        List.of(none + ": cannot write: there is no folder " + none.getParent() + "; create it"),
        arguments(folder, none));
    Path file = Files.writeString(folder.resolve("file"), "mine");
    CommandLineFixtures.assertRefused(
        List.of(file.resolve("x") + ": cannot write: " + file + " is a file"),
        arguments(folder, file.resolve("x")));
    Path lines = folder.resolve("two\nlines");
    Result result = CommandLineHarness.run(arguments(golden(), lines));
    assertEquals(0, result.code(), result.err());
    assertEquals(1, result.errorLines().size(), result.err());
    assertTrue(result.err().contains("two\\nlines: "), result.err());
  }

  /** Replacing deletes, so it takes nothing but what such a command has made. */
  @Test
  void replacesNothingElse() throws IOException {
    Path model = CommandLineFixtures.model(golden(), folder.resolve("model"));
    Path notes = CommandLineFixtures.copy(model, folder.resolve("notes"));
    Files.writeString(notes.resolve("notes.txt"), "mine");
    assertKept(notes, "holds 'notes.txt'");
    Path nested = CommandLineFixtures.copy(model, folder.resolve("nested"));
    Files.delete(nested.resolve("config.json"));
    Files.createDirectory(nested.resolve("config.json"));
    assertKept(nested, "holds 'config.json'");
    Path training = CommandLineFixtures.copy(model, folder.resolve("training"));
    Files.createDirectory(training.resolve("training"));
    assertKept(training, "holds 'training'");
    Path settings = Files.createDirectory(folder.resolve("settings"));
    Files.writeString(settings.resolve("config.json"), "{}");
    assertKept(settings, "has no 'model.safetensors'");

    CommandLineFixtures.assertRefused(
        List.of(model + ": exists and holds 'config.json'"), export(notes, model, "--force"));
    Path file = Files.writeString(folder.resolve("file"), "mine");
    CommandLineFixtures.assertRefused(
        List.of(file + ": exists and is not a folder"), arguments(golden(), file, "--force"));
    assertEquals("mine", Files.readString(file));
    Path link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("nothing"));
    CommandLineFixtures.assertRefused(
        List.of(link + ": is a link to " + folder.resolve("nothing") + ", which does not exist"),
        arguments(golden(), link, "--force"));
  }

  private static void assertKept(Path folder, String reason) throws IOException {
    List<String> before = CommandLineFixtures.content(folder);
    CommandLineFixtures.assertRefused(
        List.of(folder + ": exists and " + reason, "choose another name"),
        arguments(golden(), folder, "--force"));
    assertEquals(before, CommandLineFixtures.content(folder));
  }

  private static Result export(Path model, Path target, String... more) {
    List<String> args =
        new ArrayList<>(List.of("export", "-m", model.toString(), "-o", target.toString()));
    args.addAll(List.of(more));
    return CommandLineHarness.run(args.toArray(String[]::new));
  }

  @Test
  void exportRefusesAFolderThatIsNoModel() {
    Path target = folder.resolve("out");
    CommandLineFixtures.assertRefused(
        List.of("none: no such folder"), export(folder.resolve("none"), target));
    assertFalse(Files.exists(target));
  }

  @Test
  void aDiskThatTakesNoMoreLeavesNothing() throws Exception {
    String[] fresh = arguments(golden(), folder.resolve("new"));
    assertFull(CommandLineHarness.runWithSmallFiles(64, fresh), folder.resolve("new"));
    assertEquals(List.of(), CommandLineFixtures.content(folder));

    Path model = CommandLineFixtures.model(golden(), folder.resolve("model"));
    Path released = folder.resolve("released");
    String[] export = {"export", "-m", model.toString(), "-o", released.toString()};
    assertFull(CommandLineHarness.runWithSmallFiles(64, export), released);

    String config = Files.readString(model.resolve("config.json"));
    Path softmax = CommandLineFixtures.golden("softmax");
    String[] replace = arguments(softmax, model, "--force");
    assertFull(CommandLineHarness.runWithSmallFiles(64, replace), model);
    assertEquals(config, Files.readString(model.resolve("config.json")));
    assertEquals(List.of("model"), CommandLineFixtures.content(folder));
  }

  private static void assertFull(Result result, Path target) {
    CommandLineFixtures.assertRefused(
        List.of(target + "", "cannot write: File too large", "nothing was changed"), result);
  }
}
