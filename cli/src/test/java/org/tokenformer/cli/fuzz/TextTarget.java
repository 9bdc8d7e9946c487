package org.tokenformer.cli.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.tokenformer.tokenizer.DocumentEncoder;
import org.tokenformer.tokenizer.StreamDecoder;
import org.tokenformer.tokenizer.TextLines;
import org.tokenformer.tokenizer.TextRules;
import org.tokenformer.tokenizer.Tokenizer;

/**
 * A text, encoded and decoded: the first byte of the input chooses the tokenizer, the second a stop
 * string and the rules of reading, and the rest is the text.
 */
final class TextTarget implements FuzzTarget {
  /** Decoding returns the text that these encoded, apart from its normalisation. */
  private static final List<String> LOSSLESS =
      List.of("base", "no-normalizer", "llama3", "qwen2", "gpt4o", "no-regex", "ignore-merges");

  private static final List<String> OTHERS = List.of("flags", "missing-bytes", "prefix-space");

  private static final List<TextRules> RULES =
      List.of(TextRules.PROSE, new TextRules(TextRules.Content.ANYTHING, true));

  private final List<Tokenizer> tokenizers = new ArrayList<>();

  TextTarget(Path scratch) throws IOException {
    for (List<String> names : List.of(LOSSLESS, OTHERS)) {
      for (String name : names) {
        tokenizers.add(Tokenizer.load(Samples.path("tokenizer/" + name + "/tokenizer.json")));
      }
    }
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    if (bytes.length < 2) {
      return;
    }
    int which = (bytes[0] & 0xff) % tokenizers.size();
    Tokenizer tokenizer = tokenizers.get(which);
    byte[] utf8 = Arrays.copyOfRange(bytes, 2, bytes.length);
    String text = new String(utf8, UTF_8);
    int[] ids = tokenizer.encode(text);
    require(Arrays.equals(ids, tokenizer.encode(text)), "encoded differently again");
    String decoded = tokenizer.decode(ids, false);
    if (which < LOSSLESS.size()) {
      String again = tokenizer.decode(tokenizer.encode(decoded), false);
      require(again.equals(decoded), "decoded text is not encoded to itself");
    }
    if (LOSSLESS.indexOf("no-normalizer") == which || LOSSLESS.indexOf("llama3") == which) {
      require(decoded.equals(text), "not decoded to the text");
    }
    checkStreams(tokenizer, ids, bytes[1] & 0xff);
    checkStreams(tokenizer, anyIds(tokenizer, utf8), bytes[1] & 0xff);
    encodeDocuments(tokenizer, utf8, RULES.get((bytes[1] & 0xff) % RULES.size()));
  }

  private static void checkStreams(Tokenizer tokenizer, int[] ids, int stopAt) {
    for (boolean skipSpecial : new boolean[] {false, true}) {
      String text = tokenizer.decode(ids, skipSpecial);
      require(stream(tokenizer, ids, skipSpecial).equals(text), "streamed text differs");
    }
    String text = tokenizer.decode(ids, false);
    int end = Math.min(text.length(), stopAt + 1 + stopAt % 5);
    if (stopAt < end) {
      String stop = text.substring(stopAt, end);
      if (stop.equals(new String(stop.getBytes(UTF_8), UTF_8))) { // no half of a surrogate pair
        String expected = text.substring(0, text.indexOf(stop));
        require(stream(tokenizer, ids, false, stop).equals(expected), "not stopped at " + stop);
      }
    }
  }

  private static String stream(
      Tokenizer tokenizer, int[] ids, boolean skipSpecial, String... stops) {
    StreamDecoder decoder = tokenizer.newStreamDecoder(skipSpecial, List.of(stops));
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.accept(id));
    }
    return text.append(decoder.finish()).toString();
  }

  /** Returns ids that no text may have, two bytes each. */
  private static int[] anyIds(Tokenizer tokenizer, byte[] bytes) {
    int[] ids = new int[bytes.length / 2];
    for (int i = 0; i < ids.length; i++) {
      int pair = ((bytes[2 * i] & 0xff) << 8) | (bytes[2 * i + 1] & 0xff);
      ids[i] = pair % tokenizer.vocabularySize();
    }
    return ids;
  }

  private static void encodeDocuments(Tokenizer tokenizer, byte[] utf8, TextRules rules)
      throws IOException {
    try (TextLines lines = TextLines.of(new ByteArrayInputStream(utf8), "text", rules)) {
      DocumentEncoder documents = new DocumentEncoder(tokenizer, lines);
      while (documents.next()) {
        documents.ids().forEach(tokenizer::tokenOf);
      }
      require(documents.bytesRead() == utf8.length, "bytes are left");
    }
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalStateException(message);
    }
  }

  @Override
  public List<byte[]> seeds() {
    List<byte[]> seeds = new ArrayList<>();
    for (int i = 0; i < tokenizers.size(); i++) {
      String text = "Once  upon é e\u0301 1234\r\n\n It's <|endoftext|>\n 中文 \ud83d\ude00\t Q R<x>";
      byte[] utf8 = ("??" + text).getBytes(UTF_8);
      utf8[0] = (byte) i;
      utf8[1] = (byte) (3 * i);
      seeds.add(utf8);
    }
    return seeds;
  }
}
