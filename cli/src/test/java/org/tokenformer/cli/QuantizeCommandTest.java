package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tokenformer.cli.CommandLineHarness.Result;

class QuantizeCommandTest {
  @TempDir private Path folder;
  private Path model = Path.of("");

  @BeforeEach
  void importModel() {
    model = CommandLineFixtures.model(folder);
  }

  private static String[] arguments(Path from, Path to, String type, Object... more) {
    List<String> arguments =
        new ArrayList<>(List.of("quantize", "-m", from.toString(), "-o", to.toString()));
    arguments.addAll(List.of("--type", type, "--quiet"));
    for (Object argument : more) {
      arguments.add(argument.toString());
    }
    return arguments.toArray(String[]::new);
  }

  private static JsonObject json(String... arguments) {
    Result result = CommandLineHarness.run(arguments);
    assertEquals(0, result.code(), result.err());
    return JsonParser.parseString(result.out()).getAsJsonObject();
  }

  private static double loss(Path of, Path text) {
    String[] arguments = {"eval", "-m", of.toString(), "--data", text.toString(), "--quiet"};
    return json(arguments).get("loss").getAsDouble();
  }

  @Test
  void bf16HalvesTheWeightsAndTellsTheLoss() throws IOException {
    Path tales = TrainFixtures.tales(folder.resolve("tales.txt"), 60, 1);
    Path target = folder.resolve("small");
    Result result = CommandLineHarness.run(arguments(model, target, "bf16", "--data", tales));
    assertEquals(0, result.code(), result.err());
    List<String> lines = result.out().lines().toList();
    assertTrue(lines.getFirst().startsWith(target + ": "), result.out());
    assertEquals(3, lines.size(), result.out());
    Matcher losses = Pattern.compile("loss +(\\S+) before, (\\S+) after").matcher(lines.getLast());
    assertTrue(losses.find(), result.out());
    assertEquals(loss(model, tales), Double.parseDouble(losses.group(1)), 6e-5);
    assertEquals(loss(target, tales), Double.parseDouble(losses.group(2)), 6e-5);
    double ratio =
        (double) Files.size(target.resolve("model.safetensors"))
            / Files.size(model.resolve("model.safetensors"));
    assertTrue(ratio > 0.49 && ratio < 0.53, "a file of " + ratio + " of the size");
    assertEquals(-1, Files.mismatch(target.resolve("config.json"), model.resolve("config.json")));
  }

  @Test
  void f32LosesNothing() throws IOException {
    Path small = folder.resolve("small");
    Path large = folder.resolve("large");
    Path again = folder.resolve("again");
    assertEquals(0, CommandLineHarness.run(arguments(model, small, "bf16")).code());
    assertEquals(0, CommandLineHarness.run(arguments(small, large, "f32")).code());
    assertEquals(0, CommandLineHarness.run(arguments(large, again, "bf16")).code());
    for (String file : CommandLineFixtures.content(small)) {
      assertEquals(-1, Files.mismatch(small.resolve(file), again.resolve(file)), file);
    }
  }

  /** Few bits run, are measured, and say what they cannot do. */
  @ParameterizedTest
  @CsvSource({"q8, 0.02", "q4, 0.2"})
  void fewBitsRunTheModel(String type, double mostOfLoss) throws IOException {
    Path tales = TrainFixtures.tales(folder.resolve("tales.txt"), 60, 1);
    Path small = folder.resolve("small");
    Result result = CommandLineHarness.run(arguments(model, small, type, "--data", tales));
    assertEquals(0, result.code(), result.err());
    double before = loss(model, tales);
    double after = loss(small, tales);
    assertEquals(before, after, mostOfLoss);
    Matcher losses = Pattern.compile("loss +(\\S+) before, (\\S+) after").matcher(result.out());
    assertTrue(losses.find(), result.out());
    assertEquals(after, Double.parseDouble(losses.group(2)), 6e-5);
    Result text =
        CommandLineHarness.run(
            "generate", "-m", small.toString(), "Once", "--max-tokens", "5", "--quiet");
    assertEquals(0, text.code(), text.err());
    assertTrue(text.out().startsWith("Once"), text.out());
    Result inspect = CommandLineHarness.run("inspect", small.toString());
    assertTrue(inspect.out().contains(type.equals("q8") ? "I8" : "U8"), inspect.out());

    // Floats of these integers are what they stand for, so that nothing is lost any more.
    Path floats = folder.resolve("floats");
    assertEquals(0, CommandLineHarness.run(arguments(small, floats, "f32")).code());
    assertEquals(after, loss(floats, tales), 1e-5);
    Path again = folder.resolve("again");
    assertEquals(0, CommandLineHarness.run(arguments(small, again, type)).code());
    Path weights = Path.of("model.safetensors");
    assertEquals(-1, Files.mismatch(small.resolve(weights), again.resolve(weights)));
  }

  @Test
  void whatNeedsFloatsSaysHowToHaveThem() throws IOException {
    Path small = folder.resolve("small");
    assertEquals(0, CommandLineHarness.run(arguments(model, small, "q8")).code());
    Path tales = TrainFixtures.tales(folder.resolve("tales.txt"), 60, 1);
    String from = small.toString();
    Path target = folder.resolve("target");
    String to = target.toString();
    String data = tales.toString();
    String[][] commands = {
      {"grow", "-m", from, "--ffn", "120", "-o", to},
      {"train", "-m", from, "--data", data, "--steps", "1", "-o", to, "--quiet"},
      {"shrink", "-m", from, "--data", data, "--ffn", "10", "-o", to},
      {"export", "-m", from, "-o", to},
      {"pack", "save", "--base", from, "-m", from, "-o", to},
      {"bench", "-m", from, "--only", "train"},
    };
    for (String[] command : commands) {
      CommandLineFixtures.assertRefused(List.of("quantised"), command);
      assertTrue(Files.notExists(target), String.join(" ", command));
    }
  }

  @Test
  void grownModelsStayWhatTheyAre() throws IOException {
    Path grown = folder.resolve("grown");
    Result growth =
        CommandLineHarness.run(
            "grow", "-m", model.toString(), "--ffn", "120", "-o", grown.toString(), "--quiet");
    assertEquals(0, growth.code(), growth.err());
    Path small = folder.resolve("small");
    assertEquals(0, CommandLineHarness.run(arguments(grown, small, "bf16")).code());
    assertEquals(-1, Files.mismatch(grown.resolve("config.json"), small.resolve("config.json")));
  }

  @Test
  void refusesWhatItCannotDo() throws IOException {
    Path target = folder.resolve("target");
    refuses(target, "--type", arguments(model, target, "int3"));
    Path short1 = Files.writeString(folder.resolve("short.txt"), "Once upon a time");
    refuses(target, "one window", arguments(model, target, "bf16", "--data", short1));
    Path absent = folder.resolve("absent.txt");
    refuses(target, absent + "", arguments(model, target, "bf16", "--data", absent));
    Path large = CommandLineFixtures.copy(model, folder.resolve("large"));
    Path weights = large.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int firstWeight = Long.BYTES + (int) buffer.getLong(0); // behind the header and its length
    buffer.putFloat(firstWeight, Float.MAX_VALUE);
    Files.write(weights, bytes);
    refuses(target, "too large for bf16", arguments(large, target, "bf16"));
  }

  private static void refuses(Path target, String part, String... arguments) {
    CommandLineFixtures.assertRefused(List.of(part), arguments);
    assertTrue(Files.notExists(target), target + " was written");
  }
}
