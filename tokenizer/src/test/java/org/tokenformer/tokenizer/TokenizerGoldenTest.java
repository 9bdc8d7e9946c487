package org.tokenformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.tokenizer.TestFiles.Case;

/** Compares ids and decoded text with those of HF tokenizers. */
class TokenizerGoldenTest {
  private static List<Path> folders() throws IOException {
    try (Stream<Path> folders = Files.list(TestFiles.GOLDENS)) {
      return folders
          .filter(folder -> Files.exists(folder.resolve("cases.jsonl")))
          .sorted()
          .toList();
    }
  }

  @TestFactory
  Stream<DynamicTest> asHf() throws IOException {
    assertEquals(15, folders().size(), "goldens in " + TestFiles.GOLDENS);
    return folders().stream()
        .map(folder ->
            dynamicTest(
                folder.getFileName().toString(),
                () -> {
                  Tokenizer tokenizer = Tokenizer.load(folder.resolve("tokenizer.json"));
                  TestFiles.cases(folder.resolve("cases.jsonl"))
                      .forEach(golden -> check(tokenizer, golden));
                }));
  }

  @TestFactory
  Stream<DynamicTest> asHfOnceSaved(@TempDir Path temporary) throws IOException {
    return folders().stream()
        .map(folder ->
            dynamicTest(
                folder.getFileName().toString(),
                () -> {
                  Path saved = temporary.resolve(folder.getFileName() + ".json");
                  Tokenizer.load(folder.resolve("tokenizer.json")).save(saved);
                  Tokenizer tokenizer = Tokenizer.load(saved);
                  TestFiles.cases(folder.resolve("cases.jsonl"))
                      .forEach(golden -> check(tokenizer, golden));
                  Tokenizer again = Tokenizer.load(saved);
                  again.save(temporary.resolve("again.json"));
                  assertEquals(-1, Files.mismatch(saved, temporary.resolve("again.json")));
                }));
  }

  private static void check(Tokenizer tokenizer, Case golden) {
    int[] ids = golden.ids();
    String text = golden.text();
    if (text != null) {
      assertArrayEquals(ids, tokenizer.encode(text), text);
    }
    assertEquals(golden.decoded(), tokenizer.decode(ids, false));
    assertEquals(golden.skipped(), tokenizer.decode(ids, true));
    assertEquals(golden.decoded(), stream(tokenizer.newStreamDecoder(), ids));
    assertEquals(golden.skipped(), stream(tokenizer.newStreamDecoder(true, List.of()), ids));
  }

  private static String stream(StreamDecoder decoder, int[] ids) {
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.accept(id));
    }
    return text.append(decoder.finish()).toString();
  }

  /** The tokenizer of the released models. */
  @Test
  void neox() throws IOException {
    Path file = TestFiles.shared("data/neox-tokenizer.json");
    Path cases = TestFiles.shared("goldens/tokenizer/neox.jsonl");
    Tokenizer tokenizer = Tokenizer.load(file);
    assertEquals(50277, tokenizer.vocabularySize());
    assertEquals(0, tokenizer.endOfTextId().orElseThrow());
    assertTrue(tokenizer.isSpecial(1));
    assertFalse(tokenizer.isSpecial(50276));
    List<Case> goldens = TestFiles.cases(cases).toList();
    assertEquals(389, goldens.size());
    for (Case golden : goldens) {
      assertArrayEquals(golden.ids(), tokenizer.encode(golden.fields().get("text").getAsString()));
      assertEquals(golden.decoded(), tokenizer.decode(golden.ids(), false));
      assertEquals(golden.decoded(), stream(tokenizer.newStreamDecoder(), golden.ids()));
    }
  }
}
