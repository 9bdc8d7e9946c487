package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.tokenformer.cli.TrainFixtures.newModel;
import static org.tokenformer.cli.TrainFixtures.train;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsFile;

/** {@code train} with models that grow. */
class TrainGrowthTest {
  @TempDir private Path folder;
  private Path data = Path.of("");
  private Path run = Path.of("");

  @BeforeEach
  void writeTales() throws IOException {
    data = TrainFixtures.tales(folder.resolve("tales.txt"), 300, 1);
    run = folder.resolve("run");
  }

  private List<String> growing(Path output, Object... more) {
    List<String> arguments = newModel(data, output, "--batch", 2, "--steps", 8);
    arguments.addAll(List.of("--grow-at", "3:ffn=160,qkv=40@1", "--grow-at", "6:proj=48,layers=3"));
    Stream.of(more).forEach(option -> arguments.add(option.toString()));
    return arguments;
  }

  private static JsonObject config(Path model) throws IOException {
    return JsonParser.parseString(Files.readString(model.resolve("config.json"))).getAsJsonObject();
  }

  private static byte[] weights(Path model) throws IOException {
    return Files.readAllBytes(model.resolve("model.safetensors"));
  }

  @Test
  void aRunGrowsAndGoesOnAcrossItToTheSameBits() throws IOException {
    Result result =
        CommandLineHarness.run(growing(run, "--save-every", 1, "--keep", 9).toArray(String[]::new));
    assertEquals(0, result.code(), result.err());
    String grown = "step 3/8  grown from 49.2k to 54.8k parameters: 2 layers, parameter tokens";
    assertTrue(result.err().contains(grown), result.err());
    assertEquals(3, config(run).get("num_layers").getAsInt());
    assertEquals("[32,40,40]", config(run).get("qkv_slot_num").toString());
    assertEquals(2, config(run).getAsJsonArray("history").size());

    for (int stop : new int[] {2, 3, 4, 6, 7}) {
      Path stopped = Files.createDirectory(folder.resolve("stopped " + stop));
      Files.move(run.resolve("step-00000" + stop), stopped.resolve("step-00000" + stop));
      train(growing(stopped, "--resume", "--save-every", 100));
      assertArrayEquals(weights(run), weights(stopped), "from step " + stop);
    }
    train(growing(run, "--resume")); // all was done already; the same words are the same options
    CommandLineFixtures.assertRefused(
        List.of("--grow-at: [3:ffn=160] is not the [3:ffn=160,qkv=40@1, 6:proj=48,layers=3]"),
        "train --data %s -o %s --resume --grow-at 3:ffn=160".formatted(data, run).split(" "));
  }

  @Test
  void onlyWhatWasAddedIsTrained() throws IOException {
    train(newModel(data, run, "--batch", 2, "--steps", 3));
    Path next = folder.resolve("next");
    CommandLineFixtures.assertRefused(
        List.of(
            "--freeze-old: the model has no new parameter tokens before '2:ffn=200'",
            "grow at step 0"),
        "train -m %s --data %s -o %s --steps 4 --freeze-old --grow-at 2:ffn=200"
            .formatted(run, data, next)
            .split(" "));
    String[] arguments =
        "train -m %s --data %s -o %s --batch 2 --steps 4 --freeze-old --grow-at 0:ffn=200"
            .formatted(run, data, next)
            .split(" ");
    Result result = CommandLineHarness.run(arguments);
    assertEquals(0, result.code(), result.err());
    try (SafetensorsFile before = SafetensorsFile.open(run.resolve("model.safetensors"));
        SafetensorsFile after = SafetensorsFile.open(next.resolve("model.safetensors"))) {
      for (NamedTensor tensor : before.tensors().values()) {
        NamedTensor grown = after.tensor(tensor.name());
        long kept = tensor.byteSize();
        assertEquals(-1, tensor.data().mismatch(grown.data().asSlice(0, kept)), tensor.name());
        assertEquals(tensor.name().contains("ffn"), grown.byteSize() > kept);
      }
    }
  }

  @Test
  void refusesWhatCannotGrow() {
    for (List<String> bad :
        List.of(
            List.of(
                "--grow-at",
                "ffn=160",
                "--grow-at must be a step and sizes, such as 400:ffn=1024,qkv=256, not 'ffn=160'"),
            List.of("--grow-at", "3:", "--grow-at: 3:: '' is not one of qkv=N"),
            List.of("--grow-at", "3:ffn=100", "100 is less than the 128 of layer 0"),
            List.of("--grow-at", "8:ffn=200", "would grow the model after the last of 8 steps"),
            List.of("--grow-at", "3:ffn=200@7", "there is no layer 7"),
            List.of("--grow-warmup", "5", "has no effect without --grow-at"),
            List.of("--grow-init", "loud", "'loud' is not one of zero, split, released"),
            List.of(
                "--value-scale", "0", "--value-scale must be above 0 and at most 1000, not 0.0"),
            List.of("--nested", "1.5", "--nested must be between 0 and 1, not 1.5"),
            List.of("--nested", "NaN", "--nested must be between 0 and 1, not NaN"))) {
      List<String> arguments =
          newModel(data, run, "--batch", 2, "--steps", 8, bad.get(0), bad.get(1));
      CommandLineFixtures.assertRefused(List.of(bad.getLast()), TrainFixtures.run(arguments));
    }
    List<String> frozen = newModel(data, run, "--steps", 8, "--freeze-old");
    CommandLineFixtures.assertRefused(
        List.of("--freeze-old: the model has never grown"), frozen.toArray(String[]::new));
    List<String> softmax = newModel(data, run, "--theta", "softmax", "--grow-at", "3:ffn=256");
    CommandLineFixtures.assertRefused(
        List.of("'zero' cannot grow a softmax model", "use 'split'"),
        softmax.toArray(String[]::new));
    assertFalse(Files.exists(run));
  }

  @Test
  void nestedRunsGoOnToTheSameBits() throws IOException {
    List<String> options = newModel(data, run, "--batch", 2, "--steps", 6, "--nested", 0.7);
    options.addAll(List.of("--save-every", "3"));
    train(options);
    Path plain = folder.resolve("plain");
    train(newModel(data, plain, "--batch", 2, "--steps", 6));
    assertFalse(Arrays.equals(weights(run), weights(plain)), "nested dropout does something");
    Path stopped = Files.createDirectory(folder.resolve("stopped"));
    Files.move(run.resolve("step-000003"), stopped.resolve("step-000003"));
    train(List.of("train", "--data", data.toString(), "--resume", "-o", stopped.toString()));
    assertArrayEquals(weights(run), weights(stopped));
  }
}
