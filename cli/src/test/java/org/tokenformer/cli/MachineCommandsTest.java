package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;

/** {@code inspect}, {@code bench} and {@code doctor}. */
class MachineCommandsTest {
  @TempDir private Path folder;

  @Test
  void inspectShowsSizesMemoryAndTensors() {
    Path model = CommandLineFixtures.model(folder);
    Result result = CommandLineHarness.run("inspect", model.toString());
    assertEquals(0, result.code(), result.err());
    for (String part :
        List.of(
            "64; 4 heads of 16 (4 rotary dimensions",
            "query, key, value 48 each; projection 40; feed-forward 96",
            "l2_norm_gelu",
            "500 tokenizer ids, padded to 512",
            "memory to run",
            "memory to train",
            "layers.1.ffn.value_param_tokens",
            "(96, 64)")) {
      assertTrue(result.out().contains(part), part + "\n" + result.out());
    }
  }

  @Test
  void inspectCountsWhatItSays() {
    Path model = CommandLineFixtures.model(folder);
    Result result = CommandLineHarness.run("inspect", "--json", model.toString());
    JsonObject json = JsonParser.parseString(result.out()).getAsJsonObject();
    long parameters = 512 * 64 + 2 * 64 + 2 * (2 * 64 * (3 * 48 + 40 + 96));
    assertEquals(parameters, json.get("parameters").getAsLong());
    JsonObject bytes = json.getAsJsonObject("bytes");
    assertEquals(4 * parameters, bytes.get("weights").getAsLong());
    assertEquals(2L * 2 * 128 * 64 * 4, bytes.get("cache_f32").getAsLong());
    assertEquals(16 * parameters, bytes.get("training_state").getAsLong());
    long sum = 0;
    for (var tensor : json.getAsJsonArray("tensors")) {
      sum += tensor.getAsJsonObject().get("bytes").getAsLong();
    }
    assertEquals(4 * parameters, sum);
    assertEquals(0, json.getAsJsonArray("not_finite").size());
  }

  @Test
  void inspectRefusesWhatIsNoModel() {
    CommandLineFixtures.assertRefused(
        List.of("none: no such folder"), "inspect", folder.resolve("none").toString());
    CommandLineFixtures.assertRefused(List.of("config.json"), "inspect", folder.toString());
    CommandLineFixtures.assertRefused(List.of("no default model"), "inspect");
  }

  @Test
  void benchGivesJsonForPrograms() {
    Result result =
        CommandLineHarness.run(
            "bench", "--preset=laptop-7M", "--only=decode", "--depth=3", "--threads=1", "--json");
    assertEquals(0, result.code(), result.err());
    JsonObject json = JsonParser.parseString(result.out()).getAsJsonObject();
    assertTrue(json.getAsJsonObject("machine").get("peak_gflops").getAsDouble() > 0);
    assertEquals(1, json.getAsJsonArray("results").size());
    JsonObject decode = json.getAsJsonArray("results").get(0).getAsJsonObject();
    assertEquals("decode", decode.get("name").getAsString());
    assertEquals(3, decode.get("depth").getAsInt());
    double rate = decode.get("tokens_per_second").getAsDouble();
    assertTrue(rate > 0, result.out());
    // Every weight is read once for a token, and three positions of the cache.
    double bytes = 4 * 7_341_568.0 + 2 * 6 * 3 * 256 * 4;
    assertEquals(
        rate * bytes / 1e9, decode.get("gigabytes_per_second").getAsDouble(), rate * bytes / 1e12);
  }

  @Test
  void benchTrains() {
    Result result =
        CommandLineHarness.run(
            "bench", "--preset=laptop-7M", "--only=train", "--batch=1", "--sequence=8", "--json");
    assertEquals(0, result.code(), result.err());
    JsonObject json = JsonParser.parseString(result.out()).getAsJsonObject();
    assertEquals(1, json.getAsJsonArray("results").size());
    JsonObject train = json.getAsJsonArray("results").get(0).getAsJsonObject();
    assertEquals("train", train.get("name").getAsString());
    assertEquals(1, train.get("batch").getAsInt());
    assertEquals(8, train.get("sequence").getAsInt());
    double rate = train.get("tokens_per_second").getAsDouble();
    // Twice for each weight there and twice that back; the attention sees 4.5 tokens on average.
    double flops = 6 * (7_340_032.0 + 6 * 2 * 256 * 4.5);
    assertEquals(rate * flops / 1e9, train.get("gflops").getAsDouble(), rate * flops / 1e12);
    assertEquals(null, train.get("gigabytes_per_second"));
  }

  @Test
  void benchRefusesWhatTheModelCannotDo() {
    String[] bench = {"bench", "--quiet", "--preset=laptop-7M", "--backend=scalar"};
    assertBenchRefused(bench, "--prompt=257", "--prompt must be", "1 and 256, not 257");
    assertBenchRefused(bench, "--depth=256", "--depth must be", "0 and 255, not 256");
    assertBenchRefused(bench, "--only=sleep", "'sleep'", "prefill, decode, decode_batch, train");
    assertBenchRefused(bench, "--sessions=65", "--sessions must be", "1 and 64, not 65");
    assertBenchRefused(bench, "--sequence=257", "--sequence must be", "1 and 256, not 257");
    assertBenchRefused(bench, "--batch=0", "--batch must be at least 1, not 0");
    CommandLineFixtures.assertRefused(
        List.of("--preset: 'huge'", "150M"), "bench", "--preset", "huge");
    CommandLineFixtures.assertRefused(
        List.of("-m and --preset are mutually exclusive"), "bench", "--preset", "150M", "-m", "x");
  }

  private static void assertBenchRefused(String[] bench, String option, String... parts) {
    String[] args = Arrays.copyOf(bench, bench.length + 1);
    args[bench.length] = option;
    CommandLineFixtures.assertRefused(List.of(parts), args);
  }

  @Test
  void doctorLooksAtEverything() {
    Result result = CommandLineHarness.run("doctor", "--threads", "1", "--json");
    assertEquals(0, result.code(), result.err());
    JsonObject json = JsonParser.parseString(result.out()).getAsJsonObject();
    JsonObject machine = json.getAsJsonObject("machine");
    assertTrue(machine.get("peak_gigabytes_per_second").getAsDouble() > 0);
    assertTrue(machine.get("vector_bits").getAsInt() >= 64);
    List<String> names =
        json.getAsJsonArray("checks").asList().stream()
            .map(check -> check.getAsJsonObject().get("name").getAsString())
            .toList();
    assertEquals(
        List.of(
            "java",
            "machine",
            "processors",
            "heap",
            "backend",
            "kernels",
            "arithmetic",
            "memory",
            "default model"),
        names);
  }

  @Test
  void doctorReportsWhatABugReportNeedsWithoutTheUsersName() {
    Result result = CommandLineHarness.run("doctor", "--threads", "1", "--report");
    assertEquals(0, result.code(), result.err());
    for (String fact :
        List.of(
            "program",
            "jvm",
            "jvm options",
            "memory",
            "locale",
            "environment",
            "java",
            "kernels")) {
      assertTrue(
          result.out().lines().anyMatch(l -> l.startsWith(fact, "warn  ".length())),
          fact + "\n" + result.out());
    }
    assertTrue(result.out().contains(System.getProperty("java.vm.version")), result.out());
    String home = System.getProperty("user.home");
    assertTrue(home.length() <= 1 || !result.out().contains(home), result.out());
    Result both = CommandLineHarness.run("doctor", "--json", "--report");
    assertEquals(2, both.code());
    assertTrue(both.err().contains("--json") && both.err().contains("--report"), both.err());
  }

  /** Without the module the program works, on the scalar backend, and says what to add. */
  @Test
  void doctorWorksWithoutTheVectorModule() throws Exception {
    Result result = CommandLineHarness.runInOwnJava(List.of(), "doctor");
    assertEquals(0, result.code(), result.err());
    assertTrue(
        result
            .out()
            .lines()
            .anyMatch(l -> l.startsWith("warn  backend") && l.contains("--add-modules")),
        result.out());
    assertTrue(result.out().contains("ok    kernels"), result.out());
  }
}
