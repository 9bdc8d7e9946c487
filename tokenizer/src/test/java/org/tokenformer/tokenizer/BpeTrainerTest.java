package org.tokenformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.tokenizer.BpeTrainer.Options;
import org.tokenformer.tokenizer.BpeTrainer.Phase;

class BpeTrainerTest {
  private static final Path TRAINED = TestFiles.GOLDENS.resolve("trained");
  private static final BpeTrainer.ProgressListener SILENT = (phase, done, total) -> {};

  /** As HF's trainer reads them: line ends stay. */
  private static final TextFiles FILES =
      new TextFiles(new TextRules(TextRules.Content.PROSE, true), null, (name, changes) -> {});

  @TempDir private Path temporary;

  private JsonObject trained(Path text, Options options) throws IOException {
    Path file = temporary.resolve("trained.json");
    BpeTrainer.train(List.of(text), FILES, options, SILENT).save(file);
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject();
  }

  /** Checks the vocabulary, the merges in order, and other fields against HF's trainer. */
  private static void assertSame(Path golden, JsonObject trained) throws IOException {
    JsonObject expected = JsonParser.parseString(Files.readString(golden)).getAsJsonObject();
    JsonObject model = expected.getAsJsonObject("model");
    JsonObject trainedModel = trained.getAsJsonObject("model");
    assertEquals(model.get("merges"), trainedModel.get("merges"));
    assertEquals(model.get("vocab"), trainedModel.get("vocab"));
    assertEquals(expected.get("normalizer"), trained.get("normalizer"));
    assertEquals(expected.get("pre_tokenizer"), trained.get("pre_tokenizer"));
    for (String field : Set.of("type", "dropout", "unk_token", "byte_fallback", "ignore_merges")) {
      assertEquals(model.get(field), trainedModel.get(field), field);
    }
  }

  @Test
  void mergesAsHfBySize() throws IOException {
    JsonObject trained =
        trained(TRAINED.resolve("text.txt"), new Options(700, List.of("<|endoftext|>"), 0));
    assertSame(TRAINED.resolve("by-size.json"), trained);
    JsonObject golden =
        JsonParser.parseString(Files.readString(TRAINED.resolve("by-size.json"))).getAsJsonObject();
    assertEquals(golden.get("added_tokens"), trained.get("added_tokens"));
  }

  /** Special tokens that equal a byte or a merged token, or that contain a space. */
  @Test
  void mergesAsHfByFrequency() throws IOException {
    Options options = new Options(9999, List.of("<|endoftext|>", "th", "é", "< >"), 4);
    assertSame(TRAINED.resolve("by-frequency.json"), trained(TRAINED.resolve("text.txt"), options));
  }

  @Test
  void mergesOfTheEngineGoldens() throws IOException {
    Path text = TestFiles.shared("data/fairytales-valid.txt");
    Options options = new Options(494, List.of("<|endoftext|>", "<|padding|>"), 0);
    assertSame(TestFiles.GOLDENS.resolve("base/tokenizer.json"), trained(text, options));
  }

  @Test
  void severalFilesAreOneText() throws IOException {
    byte[] all = Files.readAllBytes(TRAINED.resolve("text.txt"));
    int cut = new String(all, StandardCharsets.ISO_8859_1).indexOf('\n', all.length / 2) + 1;
    Path first = Files.write(temporary.resolve("1"), Arrays.copyOf(all, cut));
    Path second = Files.write(temporary.resolve("2"), Arrays.copyOfRange(all, cut, all.length));
    Path file = temporary.resolve("t.json");
    BpeTrainer.train(
            List.of(first, second), FILES, new Options(700, List.of("<|endoftext|>"), 0), SILENT)
        .save(file);
    assertSame(
        TRAINED.resolve("by-size.json"),
        JsonParser.parseString(Files.readString(file)).getAsJsonObject());
  }

  @Test
  void linesLongerThanTheBuffer() throws IOException {
    Path text = temporary.resolve("long.txt");
    Files.writeString(text, "abab ".repeat(600_000) + "\nzz\n");
    Tokenizer tokenizer =
        BpeTrainer.train(List.of(text), FILES, new Options(259, List.of(), 0), SILENT);
    assertEquals("ab", tokenizer.tokenOf(256));
    assertEquals("abab", tokenizer.tokenOf(257));
    assertEquals("Ġabab", tokenizer.tokenOf(258));
  }

  @Test
  void noText() throws IOException {
    Path text = Files.createFile(temporary.resolve("empty.txt"));
    Tokenizer tokenizer =
        BpeTrainer.train(
            List.of(text), FILES, new Options(300, List.of("<|endoftext|>"), 0), SILENT);
    assertEquals(257, tokenizer.vocabularySize());
    assertEquals("Hé", tokenizer.decode(tokenizer.encode("Hé"), false));
  }

  @Test
  void progress() throws IOException {
    Path text = TRAINED.resolve("text.txt");
    List<Phase> phases = new ArrayList<>();
    long[] last = {0};
    BpeTrainer.train(
        List.of(text),
        FILES,
        new Options(300, List.of(), 0),
        (phase, done, total) -> {
          assertTrue(done <= total);
          phases.add(phase);
          last[0] = done;
        });
    assertEquals(Phase.READING, phases.get(0));
    assertEquals(Phase.MERGING, phases.get(phases.size() - 1));
    assertEquals(300, last[0]);
  }

  @Test
  void badTexts() throws IOException {
    Options options = new Options(300, List.of(), 0);
    Path missing = temporary.resolve("missing");
    NoSuchFileException none =
        assertThrows(
            NoSuchFileException.class,
            () -> BpeTrainer.train(List.of(missing), FILES, options, SILENT));
    assertEquals(missing.toString(), none.getFile());
    Path latin1 =
        Files.write(temporary.resolve("latin1"), new byte[] {'a', '\n', 'b', (byte) 0xE9});
    TokenizerException e =
        assertThrows(
            TokenizerException.class,
            () -> BpeTrainer.train(List.of(latin1), FILES, options, SILENT));
    assertEquals(
        latin1
            + ": line 2 is not UTF-8: invalid byte at position 2 of the line; convert the text to UTF-8",
        e.getMessage());
    assertThrows(
        TokenizerException.class,
        () -> BpeTrainer.train(List.of(temporary), FILES, options, SILENT));
  }

  @Test
  void badOptions() {
    assertThrows(IllegalArgumentException.class, () -> new Options(255, List.of(), 0));
    assertThrows(IllegalArgumentException.class, () -> new Options(256, List.of("<s>"), 0));
    assertThrows(IllegalArgumentException.class, () -> new Options(300, List.of("a", "a"), 0));
    assertThrows(IllegalArgumentException.class, () -> new Options(300, List.of(""), 0));
    assertThrows(IllegalArgumentException.class, () -> new Options(300, List.of(), -1));
  }
}
