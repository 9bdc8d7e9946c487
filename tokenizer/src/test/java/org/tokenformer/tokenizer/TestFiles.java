package org.tokenformer.tokenizer;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/** Test files and random numbers. */
final class TestFiles {
  private static final Path ROOT = Path.of(System.getProperty("project.root", ".."));

  /** The goldens in this repository. */
  static final Path GOLDENS = ROOT.resolve("testdata/tokenizer");

  private TestFiles() {}

  /** Returns a file outside the repository; without it, skips the test with a message. */
  static Path shared(String name) {
    Path file = ROOT.resolve("../shared").resolve(name).normalize();
    if (!Files.exists(file)) {
      System.err.println("SKIPPED: this test needs ../shared/" + name);
      Assumptions.abort("needs ../shared/" + name);
    }
    return file;
  }

  static Tokenizer tokenizer(String golden) throws IOException {
    return Tokenizer.load(GOLDENS.resolve(golden).resolve("tokenizer.json"));
  }

  /** One line of a {@code cases.jsonl}. */
  record Case(JsonObject fields) {
    @Nullable String text() {
      return fields.has("text") ? fields.get("text").getAsString() : null;
    }

    int[] ids() {
      JsonArray array = fields.getAsJsonArray("ids");
      int[] ids = new int[array.size()];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = array.get(i).getAsInt();
      }
      return ids;
    }

    String decoded() {
      return fields.get("decoded").getAsString();
    }

    String skipped() {
      return fields.get("skipped").getAsString();
    }
  }

  static Stream<Case> cases(Path jsonl) throws IOException {
    return Files.readAllLines(jsonl).stream()
        .map(line -> new Case(JsonParser.parseString(line).getAsJsonObject()));
  }

  /** Returns random numbers seeded by {@code -Dtokenformer.seed=N} or the time; prints the seed. */
  static Random random() {
    long seed = Long.getLong("tokenformer.seed", System.nanoTime() & 0xFFFFFF);
    System.out.println("-Dtokenformer.seed=" + seed);
    return new Random(seed);
  }

  private static final String[] POOLS = {
    "abcdefghijklmnopqrstuvwxyz",
    "ABCXYZ",
    "0123456789",
    "   \n\t\r",
    ".,;:!?'\"-()[]{}<>|",
    "'sdtmrevl",
    "éèüößñçåø",
    "数学的一是不了",
    "Приветмир",
    "αβγδ",
    "😀🎉👍🏿",
    "\u0301\u0308\u200d",
    "\u00a0\u3000\u2003\u0085\u1680\u2028\u202f\u200b\ufeff\u180e\u000b\u001c",
    "ſKİıßǅⅧ²½٣",
  };

  /** Returns a text of about {@code max} characters at most; {@code wild} adds any code points. */
  static String text(Random random, int max, boolean wild) {
    StringBuilder text = new StringBuilder();
    int length = random.nextInt(max + 1);
    while (text.length() < length) {
      if (wild && random.nextInt(8) == 0) {
        text.appendCodePoint(random.nextInt(Character.MAX_CODE_POINT + 1));
      } else {
        int[] pool = POOLS[random.nextInt(POOLS.length)].codePoints().toArray();
        for (int i = random.nextInt(5); i >= 0; i--) {
          text.appendCodePoint(pool[random.nextInt(pool.length)]);
        }
      }
    }
    return text.toString();
  }
}
