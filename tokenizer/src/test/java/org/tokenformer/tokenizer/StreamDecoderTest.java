package org.tokenformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class StreamDecoderTest {
  private static final Tokenizer BASE = base();

  private static Tokenizer base() {
    try {
      return TestFiles.tokenizer("base");
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Returns one id per byte, so that every byte boundary is a token boundary. */
  private static int[] bytewise(String text) {
    ByteBuilder bytes = new ByteBuilder();
    int length = Utf8.encode(text, bytes);
    int[] ids = new int[length];
    for (int i = 0; i < length; i++) {
      String token = String.valueOf(ByteAlphabet.charOf(bytes.array()[i] & 0xFF));
      ids[i] = BASE.idOf(token).orElseThrow();
    }
    return ids;
  }

  private static List<String> pieces(StreamDecoder decoder, int[] ids) {
    List<String> pieces = new ArrayList<>();
    for (int id : ids) {
      pieces.add(decoder.accept(id));
    }
    pieces.add(decoder.finish());
    return pieces;
  }

  @Test
  void charactersComeWhole() {
    assertEquals(
        List.of("a", "", "é", "", "", "", "😀", ""),
        pieces(BASE.newStreamDecoder(), bytewise("aé😀")));
  }

  @Test
  void unfinishedCharacterAtTheEnd() {
    int[] ids = bytewise("é");
    StreamDecoder decoder = BASE.newStreamDecoder();
    assertEquals("", decoder.accept(ids[0]));
    assertEquals("\uFFFD", decoder.finish());
    assertEquals("", decoder.finish());
    assertThrows(IllegalStateException.class, () -> decoder.accept(ids[1]));
  }

  @Test
  void startsOfStopsAreHeldBack() {
    StreamDecoder decoder = BASE.newStreamDecoder("abc");
    assertEquals(List.of("x", "", "", "ab", "ac", ""), pieces(decoder, bytewise("xabac")));
  }

  @Test
  void stopSpansTokens() {
    StreamDecoder decoder = BASE.newStreamDecoder("\nUser:");
    StringBuilder text = new StringBuilder();
    for (int id : BASE.encode("Yes.\nUse it\nUser: no")) {
      text.append(decoder.accept(id));
    }
    assertTrue(decoder.stopped());
    assertEquals("", decoder.accept(5));
    assertEquals("Yes.\nUse it", text + decoder.finish());
  }

  @Test
  void notStopped() {
    StreamDecoder decoder = BASE.newStreamDecoder("abc");
    assertEquals("zab", String.join("", pieces(decoder, bytewise("zab"))));
    assertFalse(decoder.stopped());
  }

  @Test
  void stopInWhatFinishReleases() {
    StreamDecoder decoder = BASE.newStreamDecoder("\uFFFD");
    assertEquals("a", decoder.accept(bytewise("a")[0]));
    assertEquals("", decoder.accept(bytewise("é")[0]));
    assertEquals("", decoder.finish());
    assertTrue(decoder.stopped());
  }

  @Test
  void badStops() {
    assertThrows(IllegalArgumentException.class, () -> BASE.newStreamDecoder(""));
    assertThrows(IllegalArgumentException.class, () -> BASE.newStreamDecoder("\uDE00"));
    assertThrows(IllegalArgumentException.class, () -> BASE.newStreamDecoder().accept(-1));
    assertThrows(
        IllegalArgumentException.class,
        () -> BASE.newStreamDecoder().accept(BASE.vocabularySize()));
  }

  /** Returns the text up to the stop string completed first, of equals the longest. */
  private static String upToStop(String text, List<String> stops) {
    for (int end = 1; end <= text.length(); end++) {
      int longest = 0;
      for (String stop : stops) {
        if (text.startsWith(stop, end - stop.length())) {
          longest = Math.max(longest, stop.length());
        }
      }
      if (longest > 0) {
        return text.substring(0, end - longest);
      }
    }
    return text;
  }

  @Test
  void anyStopsAnyTokens() {
    Random random = TestFiles.random();
    for (int i = 0; i < 20_000; i++) {
      List<String> stops = new ArrayList<>();
      for (int s = random.nextInt(4); s > 0; s--) {
        stops.add(letters(random, 1 + random.nextInt(5)));
      }
      String text = letters(random, random.nextInt(30));
      int[] ids = random.nextBoolean() ? bytewise(text) : BASE.encode(text);
      StreamDecoder decoder = BASE.newStreamDecoder(false, stops);
      String streamed = String.join("", pieces(decoder, ids));
      String expected = upToStop(text, stops);
      assertEquals(expected, streamed, text + " stops " + stops);
      assertEquals(!expected.equals(text), decoder.stopped());
    }
  }

  private static String letters(Random random, int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append(List.of("a", "b", "é", "😀", "😁").get(random.nextInt(5)));
    }
    return text.toString();
  }
}
