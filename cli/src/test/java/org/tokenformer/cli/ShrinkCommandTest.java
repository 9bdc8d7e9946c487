package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tokenformer.cli.CommandLineHarness.Result;

/** Models of 2 layers with 48, 40 and 96 parameter tokens and a context of 128. */
final class ShrinkCommandTest {
  @TempDir static Path folder;
  private static Path model;
  private static Path softmax;
  private static Path tales;

  @BeforeAll
  static void importModels() throws IOException {
    model = CommandLineFixtures.model(folder);
    softmax =
        CommandLineFixtures.model(CommandLineFixtures.golden("softmax"), folder.resolve("softmax"));
    tales = TrainFixtures.tales(folder.resolve("tales"), 60, 1);
  }

  private static String[] arguments(Path from, Path target, String... more) {
    List<String> arguments =
        new ArrayList<>(List.of("shrink", "-m", from.toString(), "--data", tales.toString()));
    arguments.addAll(List.of("-o", target.toString(), "--quiet"));
    arguments.addAll(List.of(more));
    return arguments.toArray(String[]::new);
  }

  private static double loss(Path of) {
    Result result =
        CommandLineHarness.run("eval", "-m", of.toString(), "--data", tales.toString(), "--quiet");
    assertEquals(0, result.code(), result.err());
    return JsonParser.parseString(result.out()).getAsJsonObject().get("loss").getAsDouble();
  }

  private static JsonObject inspect(Path of) {
    Result result = CommandLineHarness.run("inspect", of.toString(), "--json");
    assertEquals(0, result.code(), result.err());
    return JsonParser.parseString(result.out()).getAsJsonObject();
  }

  /** The table's cells, its head left out. */
  private static List<String[]> rows(Result result) {
    assertEquals(0, result.code(), result.err());
    List<String> lines = result.out().lines().toList();
    assertEquals(
        List.of("qkv", "proj", "ffn", "parameters", "loss", "random", "tokens"),
        List.of(lines.getFirst().strip().split("\\s+")));
    return lines.stream().skip(1).map(line -> line.strip().split("\\s+")).toList();
  }

  @Test
  void theTableSaysWhatEvalSays() {
    Path target = folder.resolve("half");
    List<String[]> rows =
        rows(CommandLineHarness.run(arguments(model, target, "--ffn", "50%", "--qkv", "38")));
    assertEquals(6, rows.size());
    List<String> ffn = rows.stream().map(row -> row[2]).toList();
    assertEquals(List.of("96", "86", "77", "67", "58", "48"), ffn);
    assertEquals(List.of("48", "40", "96"), List.of(rows.getFirst()).subList(0, 3));
    assertEquals(List.of("38", "40", "48"), List.of(rows.getLast()).subList(0, 3));
    assertEquals(loss(model), Double.parseDouble(rows.getFirst()[4]), 6e-5);
    assertEquals(loss(target), Double.parseDouble(rows.getLast()[4]), 6e-5);
    for (String[] row : rows) {
      double random = Double.parseDouble(row[5]);
      assertTrue(random > 0 && random < 20, row[5]);
    }
    assertEquals(rows.getFirst()[4], rows.getFirst()[5]);
    assertFalse(rows.getLast()[4].equals(rows.getLast()[5]));
  }

  @Test
  void keepsTauWhichOneKindCannotExport() {
    Path target = folder.resolve("tau");
    rows(CommandLineHarness.run(arguments(model, target, "--proj", "30")));
    JsonObject taus = inspect(target).getAsJsonObject("tau");
    assertEquals(2, taus.size());
    assertEquals(Math.sqrt(40), taus.get("layers.1.attention.proj").getAsDouble(), 1e-6);
    Path exported = folder.resolve("exported");
    String[] export = {"export", "-m", target.toString(), "-o", exported.toString()};
    CommandLineFixtures.assertRefused(List.of("τ", "layers.0.attention.proj"), export);
    assertFalse(Files.exists(exported));
  }

  @Test
  void whatIsExportedComesBackAsTheSameModel() {
    Path target = folder.resolve("small-softmax");
    rows(CommandLineHarness.run(arguments(softmax, target, "--ffn", "80", "--proj", "90%")));
    assertEquals(4, inspect(target).getAsJsonObject("tau").size());
    Path exported = folder.resolve("exported-softmax");
    Result result =
        CommandLineHarness.run("export", "-m", target.toString(), "-o", exported.toString());
    assertEquals(0, result.code(), result.err());
    Path back = CommandLineFixtures.model(exported, folder.resolve("back"));
    assertEquals(0, inspect(back).getAsJsonObject("tau").size());
    assertEquals(loss(target), loss(back), 1e-5);
  }

  @ParameterizedTest
  @CsvSource({
    "0, leaves no",
    "0%, neither a number of parameter tokens nor a percentage above 0% and at most 100%",
    "0.0%, neither a number of parameter tokens nor a percentage above 0% and at most 100%",
    "100.5%, neither a number of parameter tokens nor a percentage above 0% and at most 100%",
    "97, --ffn: 97 is more than the 96",
    "-5, ''",
    "half, neither a number of parameter tokens nor a percentage above 0% and at most 100%",
    "50 percent, neither a number of parameter tokens nor a percentage above 0% and at most 100%",
    "'', neither a number of parameter tokens nor a percentage above 0% and at most 100%",
    "1e2, neither a number of parameter tokens nor a percentage above 0% and at most 100%",
    "٣, neither a number of parameter tokens nor a percentage above 0% and at most 100%",
    "12345678901234567890, neither a number of parameter tokens nor a percentage above 0% and at most 100%",
    "100%, already has these sizes",
    "96, already has these sizes"
  })
  void refusesSizes(String size, String why) {
    Path target = folder.resolve("refused");
    CommandLineFixtures.assertRefused(List.of(why), arguments(model, target, "--ffn", size));
    assertFalse(Files.exists(target));
  }

  @Test
  void refusesWhatCannotBeMeasured() throws IOException {
    Path target = folder.resolve("refused");
    CommandLineFixtures.assertRefused(List.of("at least one of"), arguments(model, target));
    Path brief = Files.writeString(folder.resolve("brief"), "A king.");
    String[] tooBrief = arguments(model, target, "--ffn", "48");
    tooBrief[4] = brief.toString();
    CommandLineFixtures.assertRefused(List.of("brief", "needs 129"), tooBrief);
    tooBrief[4] = folder.resolve("missing").toString();
    CommandLineFixtures.assertRefused(List.of("missing", "no such file"), tooBrief);
    assertFalse(Files.exists(target));
    CommandLineFixtures.assertRefused(
        List.of("already exists", "--force"), arguments(model, softmax, "--ffn", "48"));
  }

  @Test
  void replacesAModelWhenForced() {
    Path target = folder.resolve("again");
    String[] first = arguments(model, target, "--ffn", "95");
    rows(CommandLineHarness.run(first));
    rows(CommandLineHarness.run(arguments(model, target, "--ffn", "1", "--force")));
    assertEquals(
        1,
        inspect(target)
            .getAsJsonArray("layers")
            .get(0)
            .getAsJsonObject()
            .get("ffn_slot_num")
            .getAsInt());
  }
}
