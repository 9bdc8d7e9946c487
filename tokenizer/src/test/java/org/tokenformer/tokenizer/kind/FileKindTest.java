package org.tokenformer.tokenizer.kind;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FileKindTest {
  private static final Path ROOT = Path.of(System.getProperty("project.root", ".."));

  @TempDir private Path folder;

  private static @Nullable FileKind of(byte[] bytes) {
    return FileKind.of(bytes, bytes.length);
  }

  private static @Nullable FileKind of(String text) {
    return of(text.getBytes(UTF_8));
  }

  private static void assertKind(String what, byte[] bytes) {
    FileKind kind = of(bytes);
    assertNotNull(kind, what);
    assertEquals(what, kind.what());
  }

  private static void assertKind(String what, String text) {
    assertKind(what, text.getBytes(UTF_8));
  }

  @Test
  void compressedAndBinaryFiles() throws IOException {
    var gzip = new ByteArrayOutputStream();
    try (var out = new GZIPOutputStream(gzip)) {
      out.write("Once upon a time".getBytes(UTF_8));
    }
    assertKind("is a gzip file", gzip.toByteArray());
    assertKind("is a zstd file", "(\u00b5/\u00fd\u0004".getBytes(ISO_8859_1));
    assertKind("is a bzip2 file", "BZh91AY&SY\u0001".getBytes(ISO_8859_1));
    assertKind("is a Parquet file", "PAR1\u0015\u0004".getBytes(ISO_8859_1));
    assertKind("is a PDF", "%PDF-1.7\n");
    assertKind("has many NUL bytes, as binary files have", "ab\0\1\2\3\4");
    assertKind(
        "is a zip archive", read("testdata/goldens/untied-full-rotary/pytorch_model.bin", 100));
    assertKind(
        "is a safetensors file",
        read("testdata/goldens/untied-full-rotary/golden.safetensors", 99));
    assertKind("is an Arrow file", read("testdata/dataset/file-list-int32.arrow", 99));
    assertKind("is an Arrow stream", read("testdata/dataset/stream-huggingface.arrow", 99));
    assertKind(
        "is a Git LFS pointer, not the file itself",
        "version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n");
  }

  private static byte[] read(String name, int bytes) throws IOException {
    try (InputStream in = Files.newInputStream(ROOT.resolve(name))) {
      return in.readNBytes(bytes);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"})
  void otherEncodingsWithoutMark(String charset) {
    for (String text : List.of("Once upon a time.\n", "Жили-были дед да баба.\r\n", "ab")) {
      assertKind("looks like text in " + charset, text.getBytes(Charset.forName(charset)));
    }
  }

  @ParameterizedTest
  @CsvSource({"UTF-16LE,UTF-16", "UTF-16BE,UTF-16", "UTF-32LE,UTF-32", "UTF-32BE,UTF-32"})
  void otherEncodingsWithMark(String charset, String name) {
    assertKind("is text in " + name, "\ufeffOnce".getBytes(Charset.forName(charset)));
  }

  @Test
  void json() {
    String fields = " with the fields text, n";
    assertKind("looks like JSON lines" + fields, "{\"text\":\"a\",\"n\":1}\n{\"text\":\"b\"}\n");
    assertKind("looks like JSON lines" + fields, "\n{\"text\":\"a\",\"n\":NaN}");
    assertKind("looks like JSON" + fields, "[{\"text\":\"a\",\"n\":-Infinity},\n {}]");
    assertKind("looks like JSON" + fields, "{\n \"text\": \"a\",\n \"n\": [1,2]\n}\n");
    assertKind("looks like JSON", "[\"Once\", \"upon\"]");
    // The head ends within a string, an escape, a number.
    assertKind("looks like JSON" + " with the fields text", "[{\"text\": \"Once upon");
    assertKind("looks like JSON lines with the fields text", "{\"text\": \"Once \\u00e");
    assertKind("looks like JSON with the fields a", "{\n\"a\": [1, 2, 1e");
    FileKind kind = of("[{\"id\":7,\"story\":\"a\"}]");
    assertNotNull(kind);
    assertEquals(
        "write the texts to a text file first, for example with jq -r '.[] | .story,"
            + " \"<|endoftext|>\"'",
        kind.advice());
    assertTrue(kind.readable());
  }

  @Test
  void tables() {
    assertKind("looks like CSV with the columns id, text", "id,text\n1,\"a, \"\"b\"\"\nc\"\n2,d\n");
    assertKind("looks like CSV with the columns id, text", "id,text\r\n1,a\r\n2,b\r\n");
    assertKind("looks like CSV with the columns , text", ",text\n0,a\n1,b\n");
    assertKind("looks like CSV with the columns text", "text\n\"Once, upon\"\n\"a\ntime\"\n");
    assertKind("looks like CSV with the columns name, x", "name;x\na;b\nc;d\ne;f\n");
    assertKind("looks like TSV with the columns Title, Plot", "Title\tPlot\nA \"b\tc\nd\te\n");
    assertKind("looks like HTML", "\n<!DOCTYPE html>\n<html><body>Once</body></html>");
    assertKind("looks like HTML", "<html lang=en>");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "\n",
        "Once upon a time, there was a king.\n",
        "{ the brace that opens nothing,\n  a poem's own }\n",
        "{}\nfunction f() {}\n",
        "[1] Grimm, Household Tales.\n[2] Lang, The Blue Fairy Book.\n",
        "[link](https://example.org) is Markdown\n",
        "[\"Well,\" he said, \"come in.\"]\n",
        "[\"Well, he said",
        "{\"text\": 1}\nis what a line of JSON looks like.\n",
        "Mary, Mary, quite contrary,\nHow does your garden grow?\n",
        "Swan, swam over the sea,\nSwim, swan, swim.\nSwan, swam back again,\nWell, swum swan.\n",
        "Title, Text\nfirst, second\nthird, fourth\nfifth, sixth\n",
        "Text\nOnce upon a time.\n",
        "import os,sys\n\nfor i,j in x:\n  print(i)\n",
        "#include <stdio.h>\n\nint main() { return 0; }\n",
        "a\tb\nc\n",
        "# A title\n\n- one;\n- two;\n- three.\n",
        "<p align=center>A README</p>\n<html> is a tag.\n",
        "PAR1 is a magic number.\n",
        "%!PS is PostScript\n"
      })
  void proseAndSourceCode(String text) {
    assertNull(of(text));
  }

  /** The texts of this project: pages, sources, scripts. */
  @Test
  void theFilesOfThisProject() throws IOException {
    try (Stream<Path> files = Files.walk(ROOT.resolve("engine/src"))) {
      assertText(files);
    }
    try (Stream<Path> files = Files.walk(ROOT.resolve("docs"), 1)) {
      assertText(files.filter(file -> !file.toString().endsWith(".png")));
    }
    for (String name : List.of("README.md", "CHANGELOG.md", "LICENSE", "pom.xml", "tokenformer")) {
      assertText(Stream.of(ROOT.resolve(name)));
    }
  }

  private static void assertText(Stream<Path> files) throws IOException {
    for (Path file : files.filter(Files::isRegularFile).toList()) {
      assertNull(of(read(ROOT.relativize(file).toString(), FileKind.HEAD)), file.toString());
    }
  }

  @Test
  void folders() throws IOException {
    assertEquals("is a folder; name the files in it", FolderKind.describe(folder));
    Files.createFile(folder.resolve("train-00000.parquet"));
    assertTrue(FolderKind.describe(folder).startsWith("is a folder of Parquet files; "));
    Files.createFile(folder.resolve("state.json"));
    assertTrue(
        FolderKind.describe(folder).startsWith("is a dataset folder written by save_to_disk; "));
    Files.createFile(folder.resolve("dataset_dict.json"));
    assertTrue(
        FolderKind.describe(folder).startsWith("is a folder of datasets written by save_to_disk"));
  }

  @Test
  void pythonNumbers() {
    assertEquals(
        "{\"a\":null,\"NaN\":\"-Infinity \\\"NaN\",\"b\":[null,null]}",
        PythonNumbers.asNull(
            "{\"a\":NaN,\"NaN\":\"-Infinity \\\"NaN\",\"b\":[Infinity,-Infinity]}"));
  }
}
