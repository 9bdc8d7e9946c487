package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.tokenizer.Tokenizer;

/** A model that PyTorch trained on English tales and released in fp16, from its files to text. */
class TrainedModelTest {
  /** Where the two best logits lie closer, rounding may choose either of them. */
  private static final double TIE = 1e-3;

  @TempDir private Path folder;

  @Test
  void greedyDecodingGivesWhatPyTorchChose() throws IOException {
    Path story = CommandLineFixtures.shared("data/story-torch");
    String json = Files.readString(story.resolve("expected.json"));
    JsonObject expected = JsonParser.parseString(json).getAsJsonObject();
    int[] promptIds = ints(expected.getAsJsonArray("prompt_ids"));
    int[] greedyIds = decided(expected);
    assertTrue(greedyIds.length > 0, "all positions are ties");

    Path model = CommandLineFixtures.model(story, folder.resolve("model"));
    Tokenizer tokenizer = Tokenizer.load(model.resolve("tokenizer.json"));
    String prompt = expected.get("prompt").getAsString();
    assertArrayEquals(promptIds, tokenizer.encode(prompt));

    GenerationOptions options =
        GenerationOptions.of(greedyIds.length).sampledBy(SamplingOptions.greedy());
    try (LanguageModel languageModel = LanguageModel.load(model);
        IntStream ids = languageModel.stream(promptIds, options)) {
      assertArrayEquals(greedyIds, ids.toArray());
    }

    Result result =
        CommandLineHarness.run(
            "generate",
            "--temperature=0",
            "--max-tokens=" + greedyIds.length,
            "-m",
            model.toString(),
            prompt);
    assertEquals(0, result.code(), result.err());
    assertEquals(prompt + tokenizer.decode(greedyIds, false) + "\n", result.out());
  }

  /** The greedy ids before the first tie. */
  private static int[] decided(JsonObject expected) {
    JsonArray gaps = expected.getAsJsonArray("gap_to_second_logit");
    int count = 0;
    while (count < gaps.size() && gaps.get(count).getAsDouble() >= TIE) {
      count++;
    }
    int[] ids = ints(expected.getAsJsonArray("greedy_ids"));
    assertEquals(ids.length, gaps.size());
    return IntStream.of(ids).limit(count).toArray();
  }

  private static int[] ints(JsonArray array) {
    return array.asList().stream().mapToInt(JsonElement::getAsInt).toArray();
  }
}
