package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.grow.Growth;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.grow.GrowthPlan;
import org.tokenformer.engine.model.files.ModelFolder;

class GrowCommandTest {
  private static final Pattern CHANGE =
      Pattern.compile("logits +largest change (\\S+) \\(relative (\\S+)\\), on (.*) tokens");

  @TempDir static Path models;
  private static Path model;
  private static Path softmax;

  @TempDir private Path folder;

  @BeforeAll
  static void importModels() {
    model = CommandLineFixtures.model(models);
    softmax =
        CommandLineFixtures.model(CommandLineFixtures.golden("softmax"), models.resolve("softmax"));
  }

  private Result grow(Path from, Object... more) {
    List<String> arguments =
        new ArrayList<>(List.of("grow", "-m", from.toString(), "-o", folder + "/grown"));
    for (Object argument : more) {
      arguments.add(argument.toString());
    }
    return CommandLineHarness.run(arguments.toArray(String[]::new));
  }

  private static double relativeChange(Result result) {
    assertEquals(0, result.code(), result.err());
    Matcher change = CHANGE.matcher(result.out());
    assertTrue(change.find(), result.out());
    return Double.parseDouble(change.group(2));
  }

  @Test
  void aGrownModelWritesTheSameText() throws IOException {
    Result result = grow(model, "--ffn", "300@0", "--ffn", "400@1", "--qkv", "70", "--proj", "90");
    assertEquals(0, relativeChange(result));
    assertTrue(result.out().contains("logits            largest change 0.0 "), result.out());
    assertTrue(result.out().contains(" before, "), result.out());
    assertTrue(result.out().contains("layer 1: query, key, value 70 each; projection 90;"));
    assertTrue(
        result.out().contains("\n  τ                 9.797959 in ffn of layers 0 to 1\n"),
        result.out());
    assertEquals("", result.err());
    assertEquals(
        List.of("config.json", "model.safetensors", "tokenizer.json"),
        CommandLineFixtures.content(folder.resolve("grown")));

    String text = "Once upon a time";
    for (String[] command :
        new String[][] {
          {"generate", text, "--seed", "3", "--max-tokens", "40", "--quiet"},
          {"score"}
        }) {
      assertEquals(run(model, command), run(folder.resolve("grown"), command));
    }
    Result inspected = CommandLineHarness.run("inspect", folder.resolve("grown").toString());
    assertEquals(0, inspected.code(), inspected.err());
  }

  private static String run(Path model, String... command) {
    List<String> arguments = new ArrayList<>(List.of(command));
    arguments.addAll(List.of("-m", model.toString()));
    Result result =
        CommandLineHarness.runWithInput(
            "{\"text\":\"There was a king\"}\n", arguments.toArray(String[]::new));
    assertEquals(0, result.code(), result.err());
    return result.out();
  }

  @Test
  void aSplitAndNewLayersChangeNoMoreThanRoundings() {
    Result result = grow(softmax, "--init", "split", "--ffn", "192", "--layers", "4");
    assertTrue(relativeChange(result) <= 1e-5, result.out());
    assertTrue(result.out().contains("4 layers"), result.out());
    assertTrue(!result.out().contains("τ"), result.out());
  }

  @Test
  void asReleasedMuchChangesAndIsSaid() {
    Result result = grow(model, "--init", "released", "--ffn", "192");
    assertTrue(relativeChange(result) > 1e-3, result.out());
  }

  @Test
  void theSameSeedGivesTheSameBytes() throws IOException {
    Path weights = folder.resolve("grown").resolve("model.safetensors");
    relativeChange(grow(model, "--ffn", "300", "--seed", "5"));
    byte[] first = Files.readAllBytes(weights);
    relativeChange(grow(model, "--ffn", "300", "--seed", "5", "--force", "--threads", "1"));
    assertArrayEquals(first, Files.readAllBytes(weights));
    relativeChange(grow(model, "--ffn", "300", "--seed", "6", "--force"));
    assertTrue(Files.mismatch(weights, Files.write(folder.resolve("first"), first)) >= 0);
  }

  @Test
  void aTextMayBeWhatTheModelsAreComparedOn() throws IOException {
    Path text = Files.writeString(folder.resolve("text"), "There was a king. ".repeat(100));
    Result result = grow(model, "--qkv", "80", "--data", text, "--quiet");
    assertEquals(0, relativeChange(result));
    assertTrue(result.out().contains("given tokens"), result.out());
  }

  @Test
  void onlyTheBeginningOfATextIsRead() throws IOException {
    Path text = Files.writeString(folder.resolve("text"), "There was a king.\n".repeat(20_000));
    Files.write(text, new byte[] {(byte) 0xFF}, StandardOpenOption.APPEND);
    Result result = grow(model, "--qkv", "80", "--data", text, "--quiet");
    assertEquals(0, relativeChange(result));
    assertTrue(result.out().contains("on 4096 given tokens"), result.out());
  }

  @Test
  void aGrowthThatTheMachineCannotHoldIsRefused() throws IOException {
    try (ModelFolder opened = ModelFolder.open(model, LoadMode.MAP)) {
      Growth growth = Growth.of(opened.config(), GrowthPlan.parse("ffn=300"), GrowthInit.ZERO);
      GrowthNeeds needs = GrowthNeeds.of(growth, opened.tensors());
      long rows = 2 * 2 * 300; // keys and values of two layers
      assertEquals(rows * opened.config().hiddenSize() * Float.BYTES, needs.bytes());
      needs.check(needs.bytes());
      UserError error = assertThrows(UserError.class, () -> needs.check(1000));
      String message = String.valueOf(error.getMessage());
      assertTrue(message.startsWith("growing to "), message);
      assertTrue(message.endsWith("this machine has 1000 B; use smaller sizes"), message);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        " | nothing to grow: give at least one of --qkv, --proj, --ffn and --layers, such as --ffn 2048",
        "--ffn 10 | --ffn: 10 is less than the 96 of layer 0; growth only adds, use 'tokenformer"
            + " shrink' to remove tokens",
        "--ffn x | --ffn: 'x' is not a number of parameter tokens such as 2048, 2048@3 for layer 3 or"
            + " 2048@0-2",
        "--ffn 300@0-7 | --ffn=300@0-7: there is no layer 7; the layers are 0 to 1",
        "--ffn 999999999 | --ffn must be between 1 and 16777216, not 999999999",
        "--qkv 16777216 --proj 16777216 --ffn 16777216 --layers 4096 | growing to ",
        "--layers 0 | --layers must be a number of layers between 1 and 4096, not '0'",
        "--layers 1 | --layers: 1 is less than the model's 2; growth only adds",
        "--layers 99999999999 | --layers must be a number of layers between 1 and 4096, not '99999999999'",
        "--layers 2 | the model already has layers=2; give larger sizes",
        "--ffn 300 --init split | --ffn: 300 is not a whole multiple of the 96 of layer 0, but"
            + " 'split' makes the same number of copies of every token; use 384, or the init 'zero'",
        "--ffn 300 --init one | 'one' is not one of zero, split, released; see 'tokenformer grow"
            + " --help'",
        "--ffn 300 --data none | none: no such file or folder",
        "--ffn 300 --seed x | 'x' is not a whole number; see"
      })
  void whatCannotGrowIsRefused(String arguments, String message) throws IOException {
    Object[] more = arguments == null ? new Object[0] : arguments.split(" ");
    CommandLineFixtures.assertRefused(List.of(message), grow(model, more));
    assertEquals(List.of(), CommandLineFixtures.content(folder));
  }

  @Test
  void refusesModelsAndFoldersByTheirCause() throws IOException {
    CommandLineFixtures.assertRefused(
        List.of("--init: 'zero' cannot grow a softmax model", "use 'split' and whole multiples"),
        grow(softmax, "--ffn", "192"));
    CommandLineFixtures.assertRefused(
        List.of("none: no such folder"), grow(folder.resolve("none"), "--ffn", "192"));
    Path grown = CommandLineFixtures.copy(model, folder.resolve("grown"));
    CommandLineFixtures.assertRefused(
        List.of(grown + ": already exists; add --force"), grow(model, "--ffn", "300"));
    Path empty = Files.writeString(folder.resolve("empty"), "");
    CommandLineFixtures.assertRefused(
        List.of("--data " + empty + ": has no tokens"),
        grow(model, "--ffn", "300", "--force", "--quiet", "--data", empty));
    Path broken = CommandLineFixtures.copy(model, folder.resolve("broken"));
    Path weights = broken.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    for (int i = 1; i <= 4; i++) {
      bytes[bytes.length - i] = (byte) 0xFF;
    }
    Files.write(weights, bytes);
    CommandLineFixtures.assertRefused(
        List.of(weights + ": tensor ", "holds NaN or infinite weights"),
        grow(broken, "--ffn", "300", "--force"));
  }
}
