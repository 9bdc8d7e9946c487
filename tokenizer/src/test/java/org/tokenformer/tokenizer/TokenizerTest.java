package org.tokenformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import it.unimi.dsi.fastutil.longs.Long2LongOpenHashMap;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class TokenizerTest {
  @Test
  void tokensAndIds() throws IOException {
    Tokenizer tokenizer = TestFiles.tokenizer("base");
    assertEquals(500, tokenizer.vocabularySize());
    assertEquals(0, tokenizer.endOfTextId().orElseThrow());
    assertTrue(tokenizer.isSpecial(0));
    assertFalse(tokenizer.isSpecial(494));
    for (int id = 0; id < tokenizer.vocabularySize(); id++) {
      assertEquals(id, tokenizer.idOf(tokenizer.tokenOf(id)).orElseThrow());
    }
    assertEquals(tokenizer.encode(" the")[0], tokenizer.idOf("Ġthe").orElseThrow());
    assertTrue(tokenizer.idOf("no such token").isEmpty());
    assertTrue(tokenizer.idOf("nosuchtoken").isEmpty());
    assertThrows(IllegalArgumentException.class, () -> tokenizer.tokenOf(500));
    assertThrows(IllegalArgumentException.class, () -> tokenizer.isSpecial(-1));
    assertThrows(IllegalArgumentException.class, () -> tokenizer.decode(new int[] {5, 500}, false));
  }

  @Test
  void appends() throws IOException {
    Tokenizer tokenizer = TestFiles.tokenizer("base");
    IntArrayList ids = IntArrayList.of(7);
    tokenizer.encode("the", ids);
    tokenizer.encode("", ids);
    tokenizer.encode(" king", ids);
    assertEquals("the king", tokenizer.decode(ids.toIntArray(), false).substring(1));
  }

  @Test
  void loneSurrogatesCountAsReplacementCharacters() throws IOException {
    Tokenizer tokenizer = TestFiles.tokenizer("base");
    assertArrayEquals(
        tokenizer.encode("a\uFFFDb\uFFFD\uFFFDc😀\uFFFD"),
        tokenizer.encode("a\uD800b\uDC00\uDBFFc😀\uD83D"));
  }

  @Test
  void decodeOfEncodeIsTheNormalizedText() throws IOException {
    Tokenizer tokenizer = TestFiles.tokenizer("base");
    Random random = TestFiles.random();
    for (int i = 0; i < 5000; i++) {
      String text =
          Nfc.normalize(TestFiles.text(random, 200, true).replaceAll("[\\ud800-\\udfff]", ""));
      assertEquals(text, tokenizer.decode(tokenizer.encode(text), false));
    }
  }

  /** Cached words, a cleared cache, and grown or released buffers do not change the ids. */
  @Test
  void historyMakesNoDifference() throws IOException {
    String json = Files.readString(TestFiles.GOLDENS.resolve("base/tokenizer.json"));
    Tokenizer used = Tokenizer.fromJson(new StringReader(json));
    StringBuilder words = new StringBuilder();
    for (int i = 0; i < 150_000; i++) {
      words.append(' ').append(Integer.toString(i * 7, 36));
    }
    int[] first = used.encode(words);
    assertArrayEquals(first, used.encode(words));
    assertArrayEquals(first, Tokenizer.fromJson(new StringReader(json)).encode(words));
    assertEquals(words.toString(), used.decode(first, false));
  }

  @Test
  void manyThreads() throws Exception {
    Tokenizer tokenizer = TestFiles.tokenizer("words");
    Random random = TestFiles.random();
    List<String> texts = new ArrayList<>();
    List<int[]> expected = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      texts.add(TestFiles.text(random, 300, true));
      expected.add(TestFiles.tokenizer("words").encode(texts.get(i)));
    }
    try (var threads = Executors.newFixedThreadPool(8)) {
      List<Callable<Boolean>> tasks = new ArrayList<>();
      for (int t = 0; t < 32; t++) {
        tasks.add(() -> {
          for (int i = 0; i < texts.size(); i++) {
            if (!Arrays.equals(expected.get(i), tokenizer.encode(texts.get(i)))) {
              return false;
            }
          }
          return true;
        });
      }
      for (Future<Boolean> done : threads.invokeAll(tasks)) {
        assertTrue(done.get());
      }
    }
  }

  /** A million letters without a space: quadratic work would take hours. */
  @Test
  void longWords() throws IOException {
    Tokenizer tokenizer = TestFiles.tokenizer("base");
    String text = "the".repeat(333_333);
    int[] ids = tokenizer.encode(text);
    assertEquals(text, tokenizer.decode(ids, false));
    assertEquals(tokenizer.encode("the".repeat(10)).length / 10 * 333_333, ids.length);
  }

  /** Compares the heap for long words with the definition: lowest rank first, then leftmost. */
  @Test
  void longWordsMergeByDefinition() {
    Random random = TestFiles.random();
    for (int round = 0; round < 300; round++) {
      Long2LongOpenHashMap merges = new Long2LongOpenHashMap();
      merges.defaultReturnValue(Long.MAX_VALUE);
      int tokens = 4;
      for (int rank = 0; rank < 40; rank++) {
        long pair = BpeModel.pair(random.nextInt(tokens), random.nextInt(tokens));
        if (!merges.containsKey(pair)) {
          merges.put(pair, BpeModel.merge(rank, tokens++));
        }
      }
      int[] symbols = random.ints(1 + random.nextInt(200), 0, 4).toArray();
      int[] expected = byDefinition(symbols, merges);
      int n = new LongWord(merges).merge(symbols, symbols.length);
      assertArrayEquals(expected, Arrays.copyOf(symbols, n));
    }
  }

  private static int[] byDefinition(int[] word, Long2LongOpenHashMap merges) {
    IntArrayList symbols = new IntArrayList(word);
    while (true) {
      long best = Long.MAX_VALUE;
      int at = -1;
      for (int i = 0; i + 1 < symbols.size(); i++) {
        long merge = merges.get(BpeModel.pair(symbols.getInt(i), symbols.getInt(i + 1)));
        if (merge < best) {
          best = merge;
          at = i;
        }
      }
      if (at < 0) {
        return symbols.toIntArray();
      }
      symbols.set(at, (int) best);
      symbols.removeInt(at + 1);
    }
  }

  @Test
  void newerCharactersKeepTheirPlaces() {
    // U+0897 has had a combining class only since Unicode 16: no reordering around it
    assertEquals("q\u0897\u0323", Nfc.normalize("q\u0897\u0323"));
    assertEquals(
        "\u1E0B\u0323".length(),
        Normalizer.normalize("d\u0307\u0323", Normalizer.Form.NFC).length());
    assertEquals("\u1E0D\u0307", Nfc.normalize("d\u0307\u0323"));
    assertEquals("\uAC00", Nfc.normalize("\u1100\u1161"));
  }

  @Test
  void slowPatternsAreStopped() throws IOException {
    String json =
        Files.readString(TestFiles.GOLDENS.resolve("base/tokenizer.json"))
            .replaceFirst(
                "\"pre_tokenizer\":\\{",
                "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
                    + "\"pattern\":{\"Regex\":\"a*a*a*a*a*a*b\"},\"behavior\":\"Isolated\"},{")
            .replaceFirst("\"use_regex\":true\\}", "\"use_regex\":true}]}");
    Tokenizer tokenizer = Tokenizer.fromJson(new StringReader(json));
    String text = "a".repeat(20_000);
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> tokenizer.encode(text));
    assertEquals(
        "the tokenizer's pattern takes too long on this text of 20000 characters", e.getMessage());
    assertEquals("aab", tokenizer.decode(tokenizer.encode("aab"), false));
  }
}
