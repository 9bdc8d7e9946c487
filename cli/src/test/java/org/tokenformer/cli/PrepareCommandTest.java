package org.tokenformer.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.tokenizer.Tokenizer;
import org.tokenformer.tokenizer.dataset.TokenDataset;
import org.tokenformer.tokenizer.dataset.TokenizerFingerprint;

class PrepareCommandTest {
  private static final Path TOKENIZER =
      CommandLineFixtures.testData("tokenizer/base/tokenizer.json");

  @TempDir private Path folder;

  private static Result prepare(Path output, Object... arguments) {
    return prepare(new byte[0], output, arguments);
  }

  private static Result prepare(byte[] input, Path output, Object... arguments) {
    List<String> args = new ArrayList<>(List.of("prepare", "-o", output.toString()));
    args.addAll(List.of("-t", TOKENIZER.toString()));
    for (Object argument : arguments) {
      args.add(argument.toString());
    }
    return CommandLineHarness.runWithInput(input, args.toArray(String[]::new));
  }

  private static int[] ids(TokenDataset dataset) {
    int[] ids = new int[(int) dataset.size()];
    dataset.read(0, ids, 0, ids.length);
    return ids;
  }

  @Test
  void eachDocumentOfAllTextsIsARow() throws IOException, GeneralSecurityException {
    Path first = Files.writeString(folder.resolve("first"), "Once.\n<|endoftext|>\n\nUpon é\n\n");
    Path second = Files.writeString(folder.resolve("second"), "a time\n<|endoftext|>\n");
    Path data = folder.resolve("data.arrow");
    byte[] input = "there was".getBytes(UTF_8);
    Result result = prepare(input, data, first, "-", second, first);
    assertEquals(0, result.code(), result.err());
    assertEquals("", result.out());
    assertEquals(2, result.errorLines().size(), result.err());
    long bytes = 2 * Files.size(first) + input.length + Files.size(second);
    String progress = "prepare: " + bytes + " B in ";
    assertTrue(result.errorLines().getFirst().startsWith(progress), result.err());
    assertTrue(result.errorLines().getLast().startsWith(data + ": 6 documents, "), result.err());

    Tokenizer tokenizer = Tokenizer.load(TOKENIZER);
    IntArrayList expected = new IntArrayList();
    for (String document :
        List.of("Once.", "\nUpon é\n", "there was", "a time", "Once.", "\nUpon é\n")) {
      tokenizer.encode(document, expected);
      expected.add(tokenizer.endOfTextId().orElseThrow());
    }
    byte[] sha256 = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(TOKENIZER));
    try (TokenDataset dataset = TokenDataset.open(data)) {
      assertEquals(6, dataset.rows());
      assertArrayEquals(expected.toIntArray(), ids(dataset));
      assertEquals(
          new TokenizerFingerprint(tokenizer.vocabularySize(), HexFormat.of().formatHex(sha256)),
          dataset.tokenizer().orElseThrow());
    }
  }

  @Test
  void aDocumentThatIsReadInPartsIsOneRow() throws IOException {
    Tokenizer tokenizer = Tokenizer.load(TOKENIZER);
    String document = String.join("\n", Collections.nCopies(20_000, "A king had a daughter."));
    Path text = Files.writeString(folder.resolve("text"), document + "\n");
    Path data = folder.resolve("data.arrow");
    Result result = prepare(data, text);
    assertEquals(0, result.code(), result.err());
    IntArrayList expected = new IntArrayList();
    tokenizer.encode(document, expected);
    expected.add(tokenizer.endOfTextId().orElseThrow());
    try (TokenDataset dataset = TokenDataset.open(data)) {
      assertEquals(1, dataset.rows());
      assertArrayEquals(expected.toIntArray(), ids(dataset));
    }
  }

  @Test
  void refusesWhatCannotBePrepared() throws IOException {
    Path data = folder.resolve("data.arrow");
    Path text = Files.writeString(folder.resolve("text"), "Once upon a time.\n");
    Path empty = Files.writeString(folder.resolve("empty"), "\n<|endoftext|>\n");
    Path bytes = Files.write(folder.resolve("bytes"), new byte[] {'a', '\n', (byte) 0xC3, '\n'});
    Path none = folder.resolve("none");
    refuses(List.of(none + ": no such file"), data, text, none);
    refuses(List.of(folder + ": is a folder; name the files in it"), data, folder);
    refuses(
        List.of(bytes + ": line 2 is not UTF-8: invalid byte at position 1"), data, text, bytes);
    refuses(List.of("standard input: line 1 is not UTF-8"), new byte[] {(byte) 0x80}, data, "-");
    refuses(List.of(data + ": not written, because the texts contain no document"), data, empty);
    refuses(List.of("TEXT"), data);
    Path nowhere = none.resolve("data.arrow");
    refuses(List.of(nowhere + ": cannot write: there is no folder"), nowhere, text);
    assertFalse(Files.exists(data));
    assertEquals(List.of("bytes", "empty", "text"), CommandLineFixtures.content(folder));
  }

  @Test
  void needsATokenizerWithTheEndOfText() throws IOException {
    CommandLineFixtures.assertRefused(
        List.of("--tokenizer"), "prepare", "-o", folder.resolve("data.arrow").toString(), "text");
    Path tokenizer =
        Files.writeString(
            folder.resolve("tokenizer.json"),
            """
            {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
             "decoder": {"type": "ByteLevel"},
             "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}
            """);
    Path text = Files.writeString(folder.resolve("text"), "a");
    CommandLineFixtures.assertRefused(
        List.of("the tokenizer has no special token <|endoftext|>"),
        "prepare",
        "--quiet",
        "-t",
        tokenizer.toString(),
        "-o",
        folder.resolve("data.arrow").toString(),
        text.toString());
  }

  @Test
  void refusesToReplaceAFileUnlessForced() throws IOException {
    Path data = Files.writeString(folder.resolve("data.arrow"), "mine");
    Path text = Files.writeString(folder.resolve("text"), "Once upon a time.\n");
    refuses(List.of(data + ": already exists; add --force"), data, text);
    refuses(
        List.of(data + ": the output is the same as the input " + data),
        data,
        "--force",
        text,
        data);
    refuses(List.of("line 1 is not UTF-8"), new byte[] {(byte) 0x80}, data, "--force", "-");
    assertEquals("mine", Files.readString(data));
    Result forced = prepare(data, "--force", text);
    assertEquals(0, forced.code(), forced.err());
    assertTrue(TokenDataset.isDataset(data));
    assertEquals(List.of("data.arrow", "text"), CommandLineFixtures.content(folder));
  }

  /** Separators with CRLF, a byte-order mark, a lone CR, a NUL byte. */
  @Test
  void lineEndsBecomeLfAndAreReported() throws IOException {
    String text = "Once there was a cat.\n<|endoftext|>\nIt barked.\n\n<|endoftext|>\nThe end\n";
    Path plain = folder.resolve("plain.arrow");
    assertEquals(0, prepare(text.getBytes(UTF_8), plain, "-").code());
    byte[] windows = ("\ufeff" + text.replace("\n", "\r\n")).getBytes(UTF_8);
    Path data = folder.resolve("data.arrow");
    Result result = prepare(windows, data, "-");
    assertEquals(0, result.code(), result.err());
    assertEquals(-1, Files.mismatch(plain, data));
    String note =
        "note: standard input: the byte-order mark was dropped; 6 line ends CRLF became LF;";
    assertTrue(result.err().contains(note + " --keep-line-ends keeps them\n"), result.err());

    Result kept = prepare(windows, data, "--force", "--keep-line-ends", "-");
    assertEquals(0, kept.code(), kept.err());
    assertFalse(kept.err().contains("CRLF"), kept.err());
    Tokenizer tokenizer = Tokenizer.load(TOKENIZER);
    IntArrayList expected = new IntArrayList();
    for (String document : List.of("Once there was a cat.", "It barked.\r\n", "The end")) {
      tokenizer.encode(document, expected);
      expected.add(tokenizer.endOfTextId().orElseThrow());
    }
    try (TokenDataset dataset = TokenDataset.open(data)) {
      assertArrayEquals(expected.toIntArray(), ids(dataset));
    }

    String unusual = "A\rB\r\r\n\0" + "C".repeat(200) + "\n";
    Result warned = prepare(unusual.getBytes(UTF_8), data, "--force", "-");
    assertEquals(0, warned.code(), warned.err());
    assertTrue(
        warned.err().contains("warning: standard input: 2 CR characters were kept without LF; "),
        warned.err());
    assertTrue(
        warned.err().contains("warning: standard input: 1 NUL byte was kept; "), warned.err());
  }

  @Test
  void refusesWhatIsNotPlainTextUnlessAsked() throws IOException {
    Path data = folder.resolve("data.arrow");
    Path json =
        Files.writeString(folder.resolve("a.jsonl"), "{\"text\":\"Once\"}\n\n{\"text\":\"a\"}\n");
    refuses(
        List.of(
            json + ": looks like JSON lines with the fields text, not plain text; ",
            "jq -r '.text, \"<|endoftext|>\"'; --plain-text reads it as it is"),
        data,
        json);
    Path parquet = Files.writeString(folder.resolve("a.parquet"), "PAR1\u0015\u0004");
    refuses(List.of(parquet + ": is a Parquet file; "), data, parquet);
    refuses(List.of("standard input: looks like CSV"), "id,text\n1,a\n".getBytes(UTF_8), data, "-");
    refuses(List.of("-: standard input can be read only once"), data, "-", "-");
    Files.createFile(folder.resolve("state.json"));
    refuses(List.of(folder + ": is a dataset folder written by save_to_disk; "), data, folder);
    assertFalse(Files.exists(data));
    Result asked = prepare(data, "--plain-text", json);
    assertEquals(0, asked.code(), asked.err());
    assertTrue(asked.err().contains("1 document"), asked.err());
  }

  private static void refuses(List<String> parts, Path output, Object... arguments) {
    refuses(parts, new byte[0], output, arguments);
  }

  private static void refuses(List<String> parts, byte[] input, Path output, Object... arguments) {
    List<Object> args = new ArrayList<>(List.of("--quiet"));
    args.addAll(List.of(arguments));
    CommandLineFixtures.assertRefused(parts, prepare(input, output, args.toArray()));
  }
}
