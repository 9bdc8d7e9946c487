package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.grow.Pack;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.TokenSelection;
import org.tokenformer.engine.model.files.ModelFolder;

/** Packs and shares of the tokens through the command line. */
class PackCommandTest {
  @TempDir static Path models;
  private static Path base;
  private static Path learned;
  private static Path pack;
  private static Path second;

  @TempDir private Path folder;

  @BeforeAll
  static void makePacks() throws IOException {
    base = CommandLineFixtures.model(models);
    learned = learned("learned", "--ffn", "130", "--qkv", "60");
    pack = save(learned, "pack");
    second = save(learned("other", "--proj", "50"), "second");
  }

  /** A model with more tokens that differ from what growth makes, as if they had learned. */
  private static Path learned(String name, String... sizes) throws IOException {
    Path grown = models.resolve(name + ".grown");
    List<String> arguments =
        new ArrayList<>(List.of("grow", "-m", base.toString(), "-o", grown.toString()));
    arguments.addAll(List.of(sizes));
    ok(arguments.toArray(String[]::new));
    Random random = new Random(name.hashCode());
    try (ModelFolder before = ModelFolder.open(base, LoadMode.MAP);
        ModelFolder opened = ModelFolder.open(grown, LoadMode.MAP);
        Arena arena = Arena.ofConfined()) {
      List<NamedTensor> tensors = new ArrayList<>();
      for (NamedTensor tensor : opened.tensors().values()) {
        MemorySegment data = arena.allocate(tensor.byteSize(), 64).copyFrom(tensor.data());
        NamedTensor old = before.tensors().get(tensor.name());
        for (long at = old == null ? 0 : old.byteSize(); at < data.byteSize(); at += 4) {
          data.set(ValueLayout.JAVA_FLOAT, at, (float) random.nextGaussian() / 8);
        }
        tensors.add(new NamedTensor(tensor.name(), tensor.dtype(), tensor.shape(), data));
      }
      Path target = models.resolve(name);
      Path tokenizer = base.resolve(ModelFolder.TOKENIZER_FILE);
      ModelFolder.save(target, IfExists.REFUSE, opened.config(), tensors, tokenizer);
      return target;
    }
  }

  private static Path save(Path grown, String name) {
    Path file = models.resolve(name + ".pack");
    Result result =
        ok("pack", "save", "-m", grown.toString(), "--base", base.toString(), "-o", "" + file);
    assertTrue(result.err().startsWith(file + ": "), result.err());
    return file;
  }

  private static Result ok(String... arguments) {
    Result result = CommandLineHarness.run(arguments);
    assertEquals(0, result.code(), result.err());
    return result;
  }

  private static String score(Path model, String... more) {
    List<String> arguments = new ArrayList<>(List.of("score", "-m", model.toString()));
    arguments.addAll(List.of(more));
    Result result =
        CommandLineHarness.runWithInput(
            "{\"text\":\"There was a king who had a daughter\"}\n",
            arguments.toArray(String[]::new));
    assertEquals(0, result.code(), result.err());
    return result.out();
  }

  private Path merge(String name, Object... packs) {
    Path target = folder.resolve(name);
    List<String> arguments = new ArrayList<>(List.of("pack", "merge", "-m", base.toString()));
    arguments.addAll(List.of("-o", target.toString()));
    for (Object argument : packs) {
      arguments.add(argument.toString());
    }
    Result result = ok(arguments.toArray(String[]::new));
    assertEquals("", result.out());
    assertTrue(result.err().startsWith(target + ": "), result.err());
    return target;
  }

  @Test
  void attachedMergedAndLearnedAnswerTheSame() throws IOException {
    String plain = score(base);
    String expected = score(learned);
    assertNotEquals(plain, expected);
    byte[] weights = Files.readAllBytes(base.resolve("model.safetensors"));
    assertEquals(expected, score(base, "-p", pack.toString()));
    assertEquals(expected, score(base, "--pack", pack.toString(), "--threads", "1"));
    Path merged = merge("merged", "-p", pack);
    assertEquals(expected, score(merged));
    assertArrayEquals(
        Files.readAllBytes(learned.resolve("model.safetensors")),
        Files.readAllBytes(merged.resolve("model.safetensors")));
    assertEquals(plain, score(base));
    assertArrayEquals(weights, Files.readAllBytes(base.resolve("model.safetensors")));
    assertEquals(
        ok("generate", "-m", learned.toString(), "A king", "--seed", "2").out(),
        ok("generate", "-m", base.toString(), "A king", "--seed", "2", "-p", "" + pack).out());
  }

  @Test
  void severalPacksAreAttachedInTheirOrder() {
    String both = score(base, "-p", pack.toString(), "-p", second.toString());
    assertEquals(both, score(merge("repeated", "-p", pack, "-p", second)));
    assertEquals(both, score(merge("list", "-p", pack, second)));
    assertNotEquals(both, score(base, "-p", pack.toString()));
    assertNotEquals(both, score(base, "-p", second.toString()));
  }

  @Test
  void evalMeasuresWithPacksAndShares() throws IOException {
    Path text = Files.writeString(folder.resolve("text"), "There was a king. ".repeat(200));
    String[] eval = {"eval", "--data", text.toString(), "--quiet", "-m"};
    assertEquals(loss(eval, learned), loss(eval, base, "-p", pack.toString()));
    assertNotEquals(loss(eval, base), loss(eval, base, "--tokens", "50%"));
    assertEquals(loss(eval, base), loss(eval, base, "--tokens", "100%"));
  }

  private static String loss(String[] eval, Path model, String... more) {
    List<String> arguments = new ArrayList<>(List.of(eval));
    arguments.add(model.toString());
    arguments.addAll(List.of(more));
    String out = ok(arguments.toArray(String[]::new)).out();
    return out.substring(0, out.indexOf(",\"tokens_per_second\""));
  }

  @Test
  void aShareWritesOnWithFewerTokens() {
    String[] generate = {"generate", "-m", base.toString(), "A king", "--seed", "2", "--quiet"};
    String half = ok(with(generate, "--tokens", "50%")).out();
    assertNotEquals(ok(generate).out(), half);
    assertEquals(half, ok(with(generate, "--tokens", "50.0%", "--threads", "1")).out());
    String packed = ok(with(generate, "--tokens", "50%", "-p", pack.toString())).out();
    assertNotEquals(half, packed);
  }

  private static String[] with(String[] arguments, String... more) {
    String[] all = Arrays.copyOf(arguments, arguments.length + more.length);
    System.arraycopy(more, 0, all, arguments.length, more.length);
    return all;
  }

  /** What a page tells of packs and shares is what it tells of a model that is made so. */
  @Test
  void explainShowsTheTokensInUse() throws IOException {
    Path merged = merge("merged", "-p", pack, second);
    String page = explain("packs", base, "-p", pack.toString(), "-p", second.toString());
    assertEquals(explain("merged", merged), page);
    assertTrue(page.contains("140 parameter tokens added in growth stage 1<"), "the first pack");
    assertTrue(page.contains("parameter tokens added in growth stage 2<"), "the second pack");
    String half = explain("half", base, "--tokens", "50%");
    assertEquals(explain("cut", cut(base, "50%")), half);
    assertNotEquals(explain("whole", base), half);
  }

  private String explain(String name, Path model, String... more) throws IOException {
    Path file = folder.resolve(name + ".html");
    String[] explain = {"explain", "A king", "--seed", "2", "--max-tokens", "10", "-o", "" + file};
    ok(with(with(explain, "-m", model.toString()), more));
    return Files.readString(file);
  }

  /** A model of its own with the first tokens of another. */
  private Path cut(Path model, String fraction) throws IOException {
    Path target = folder.resolve("model-" + fraction.replace("%", ""));
    try (ModelFolder whole = ModelFolder.open(model, LoadMode.MAP)) {
      TokenSelection first = new TokenSelection(TokenFraction.parse(fraction), List.of());
      TokenFormerConfig config = first.config(whole.config());
      List<NamedTensor> tensors = new ArrayList<>();
      TensorNames.shapes(config)
          .forEach((name, shape) -> {
            NamedTensor tensor = Objects.requireNonNull(whole.tensors().get(name));
            MemorySegment data = tensor.data().asSlice(0, shape.bytes(tensor.dtype()));
            tensors.add(new NamedTensor(name, tensor.dtype(), shape, data));
          });
      Path tokenizer = model.resolve(ModelFolder.TOKENIZER_FILE);
      ModelFolder.save(target, IfExists.REFUSE, config, tensors, tokenizer);
    }
    return target;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "0% | --tokens must be above 0% and at most 100%, not 0%; see 'tokenformer generate --help'",
        "101% | --tokens must be above 0% and at most 100%, not 101%",
        "-5% | --tokens must be a percentage such as 50%, not '-5%'",
        "half | --tokens must be a percentage such as 50%, not 'half'",
        "50 | --tokens must be a percentage such as 50%, not '50'"
      })
  void whatIsNoShareIsRefused(String fraction, String message) {
    CommandLineFixtures.assertRefused(
        List.of(message), "generate", "-m", base.toString(), "A king", "--tokens=" + fraction);
  }

  @Test
  void aPackIsNamedOnce() throws IOException {
    Path copy = Files.copy(pack, folder.resolve("copy"));
    for (Path again : List.of(pack, copy)) {
      CommandLineFixtures.assertRefused(
          List.of(again + ": holds the same parameter tokens as " + pack + "; name each pack once"),
          "generate",
          "-m",
          base.toString(),
          "A king",
          "-p",
          pack.toString(),
          "-p",
          again.toString());
    }
  }

  @Test
  void aPackOfAnotherModelIsRefused() {
    Path other =
        CommandLineFixtures.model(
            CommandLineFixtures.golden("norm-after-gelu"), folder.resolve("norm-after-gelu"));
    for (String[] command :
        new String[][] {
          {"generate", "A king"}, {"score"}, {"pack", "merge", "-o", folder + "/merged"}
        }) {
      CommandLineFixtures.assertRefused(
          List.of(
              pack + ": does not belong to " + other,
              "attach it to the model that it was trained on"),
          with(command, "-m", other.toString(), "-p", pack.toString()));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"none", "folder", "text", "cut", "flipped", "model"})
  void whatIsNoPackIsRefused(String kind) throws IOException {
    byte[] bytes = Files.readAllBytes(pack);
    Path file = folder.resolve(kind);
    String part =
        switch (kind) {
          case "folder" -> {
            Files.createDirectory(file);
            yield "";
          }
          case "text" -> {
            Files.writeString(file, "no pack at all, but some text\n");
            yield "not a safetensors file";
          }
          case "cut" -> {
            Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));
            yield "copy or download it again";
          }
          case "flipped" -> {
            bytes[bytes.length - 1] = (byte) 0x7F;
            bytes[bytes.length - 2] = (byte) 0xC0;
            Files.write(file, bytes);
            yield "holds NaN or infinite weights";
          }
          case "model" -> {
            Files.copy(base.resolve("model.safetensors"), file);
            yield "is not a pack; 'tokenformer pack save' makes one";
          }
          default -> "no such file";
        };
    CommandLineFixtures.assertRefused(
        List.of(file + ": ", part),
        "generate",
        "-m",
        base.toString(),
        "A king",
        "-p",
        file.toString());
  }

  @Test
  void savingRefusesWhatIsNoPack() throws IOException {
    Path file = folder.resolve("file");
    String[] save = {"pack", "save", "-o", file.toString(), "-m"};
    CommandLineFixtures.assertRefused(
        List.of("no parameter tokens were added"),
        with(save, base.toString(), "--base", base.toString()));
    CommandLineFixtures.assertRefused(
        List.of("layers.0.attention.query has 48 tokens instead of 60"),
        with(save, base.toString(), "--base", learned.toString()));
    CommandLineFixtures.assertRefused(
        List.of("--name must be one line of 1 to 200 characters, not ' '"),
        with(save, learned.toString(), "--base", base.toString(), "--name", " "));
    CommandLineFixtures.assertRefused(List.of("--base"), with(save, learned.toString()));
    assertEquals(List.of(), CommandLineFixtures.content(folder));
    for (String nowhere : List.of("/", folder + "/none/pack")) {
      CommandLineFixtures.assertRefused(
          List.of(nowhere + ": ", nowhere.equals("/") ? "is a folder" : "there is no folder"),
          "pack",
          "save",
          "-m",
          learned.toString(),
          "--base",
          base.toString(),
          "-o",
          nowhere);
    }
    Files.writeString(file, "mine");
    CommandLineFixtures.assertRefused(
        List.of(file + ": already exists; add --force to replace it"),
        with(save, learned.toString(), "--base", base.toString()));
    ok(with(save, learned.toString(), "--base", base.toString(), "--force", "--name", "tales"));
    try (Pack named = Pack.open(file, LoadMode.MAP)) {
      assertEquals("tales", named.name());
    }
  }

  /** What works on a model's folder takes the whole of it and nothing else. */
  @Test
  void commandsThatChangeAModelTakeNoPacks() {
    String[] folders = {"-m", base.toString(), "-o", "x", "-p", "y"};
    for (String[] command :
        new String[][] {{"shrink", "--data", "z"}, {"grow", "--ffn", "500"}, {"export"}}) {
      CommandLineFixtures.assertRefused(List.of("unknown option '-p'"), with(command, folders));
    }
  }

  /** As people use it: a base learns other tales in tokens of its own. */
  @Test
  void whatARunLearnedInNewTokensIsAPack() throws IOException {
    Path tales = TrainFixtures.tales(folder.resolve("tales"), 300, 1);
    Path trained = TrainFixtures.train(TrainFixtures.newModel(tales, folder.resolve("base")));
    Path other =
        Files.writeString(folder.resolve("other"), "The sea is deep and blue. ".repeat(200));
    Path run = folder.resolve("run");
    List<String> more =
        List.of(
            "train",
            "--data",
            other.toString(),
            "-m",
            trained.toString(),
            "-o",
            run.toString(),
            "--freeze-old",
            "--grow-at",
            "0:ffn=160",
            "--steps",
            "12",
            "--lr",
            "0.01");
    TrainFixtures.train(more);
    Path file = folder.resolve("sea.safetensors");
    ok("pack", "save", "-m", run.toString(), "--base", trained.toString(), "-o", "" + file);
    assertEquals(score(run), score(trained, "-p", file.toString()));
    String[] eval = {"eval", "--data", other.toString(), "--quiet", "-m"};
    assertEquals(loss(eval, run), loss(eval, trained, "-p", file.toString()));
    assertNotEquals(loss(eval, trained), loss(eval, run));
  }

  @Test
  void packNeedsACommandOfItsOwn() {
    CommandLineFixtures.assertRefused(
        List.of("missing required subcommand: save or merge; see 'tokenformer pack --help'"),
        "pack");
    CommandLineFixtures.assertRefused(List.of("'sav'"), "pack", "sav");
    CommandLineFixtures.assertRefused(List.of("--pack"), "pack", "merge", "-o", "x");
    Result help = ok("pack", "--help");
    assertTrue(help.out().contains("merge") && help.out().contains("save"), help.out());
    assertTrue(ok("pack", "save", "--help").out().contains("--base"));
  }
}
