package org.tokenformer.cli.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.tokenformer.tokenizer.Tokenizer;

/** A {@code tokenizer.json}; one that loads is used, and some are saved and loaded again. */
final class TokenizerJsonTarget implements FuzzTarget {
  private static final String TEXT =
      "Once, 12345 foxes\r\n\r\n\t didn't  go <|endoftext|> ée\u0301 \ud83d\ude00 中 ".repeat(2);

  /** With a few tokens, merges and added tokens; the two patterns and a normaliser are left out. */
  private static final String SMALL =
      """
      {"version":"1.0","truncation":null,"padding":null,"added_tokens":[
      {"id":9,"content":"<|endoftext|>","single_word":false,"lstrip":false,"rstrip":false,
      "normalized":false,"special":true},
      {"id":10,"content":"fo","single_word":true,"lstrip":true,"rstrip":true,
      "normalized":true,"special":false}],
      "normalizer":%s,
      "pre_tokenizer":{"type":"Sequence","pretokenizers":[
      {"type":"Split","pattern":{"Regex":"%s"},"behavior":"Isolated","invert":false},
      {"type":"Split","pattern":{"Regex":"%s"},"behavior":"Isolated","invert":false},
      {"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]},
      "post_processor":null,"decoder":{"type":"ByteLevel"},
      "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
      "end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,
      "vocab":{"O":0,"n":1,"c":2,"Ġ":3,"Ã":4,"nc":5,"Ġn":6,"Ċ":7,"Onc":8},
      "merges":[["n","c"],"Ġ n",["O","nc"]]}}
      """;

  private static final String LOWER = "(?i:'s|'t)|\\\\p{N}{1,3}|\\\\s+(?!\\\\S)|[a-zé]++";
  private static final String UPPER = "[^\\\\r\\\\n\\\\p{L}]?[\\\\p{Lu}\\\\p{M}]+ ?";

  /** Number of ids of {@link #small}. */
  static final int SMALL_IDS = 11;

  private final Path file;

  TokenizerJsonTarget(Path scratch) {
    file = scratch.resolve("tokenizer.json");
  }

  /** Returns a tokenizer of a few ids. */
  static byte[] small() {
    return SMALL.formatted("null", LOWER, UPPER).getBytes(UTF_8);
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    Files.write(file, bytes);
    Tokenizer tokenizer = Tokenizer.load(file);
    int[] ids = tokenizer.encode(TEXT);
    String text = tokenizer.decode(ids, true);
    for (int id : ids) {
      tokenizer.tokenOf(id);
    }
    if (Arrays.hashCode(bytes) % 8 == 0) { // it takes longer than all the rest
      tokenizer.save(file);
      Tokenizer saved = Tokenizer.load(file);
      if (!Arrays.equals(ids, saved.encode(TEXT)) || !text.equals(saved.decode(ids, true))) {
        throw new IllegalStateException("the saved tokenizer differs");
      }
    }
  }

  @Override
  public List<byte[]> seeds() throws IOException {
    List<byte[]> seeds = new ArrayList<>(Samples.files("tokenizer/flags", "tokenizer.json"));
    seeds.add(small());
    seeds.add(SMALL.formatted("{\"type\":\"NFC\"}", UPPER, "中").getBytes(UTF_8));
    return seeds;
  }
}
