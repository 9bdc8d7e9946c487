package org.tokenformer.tokenizer.kind;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The bytes that files of a kind begin with.
 *
 * @param start the bytes as characters; {@code ?} is any byte
 */
record Signature(String start, FileKind kind) {
  private static final String EXPORT =
      "write its texts to a text file first (docs/datasets.md shows how)";
  private static final String ARROW =
      "'train', 'eval' and other commands read its column input_ids if it is named as a file; write"
          + " a column of texts to a text file first (docs/datasets.md shows how)";
  private static final String NAME_A_TEXT = "name a text";

  private static final List<Signature> ALL =
      List.of(
          of(
              "version https://git-lfs.github.com/spec/",
              "is a Git LFS pointer, not the file itself",
              "run 'git lfs pull' in its repository"),
          compressed("\u001f\u008b", "gzip"),
          compressed("(\u00b5/\u00fd", "zstd"),
          compressed("\u00fd7zXZ\0", "xz"),
          compressed("BZh?1AY&SY", "bzip2"),
          compressed("\u0004\"M\u0018", "lz4"),
          of("7z\u00bc\u00af'\u001c", "is a 7z archive", "unpack it first"),
          of("PK\u0003\u0004", "is a zip archive", "unpack it first"),
          of("PAR1\u0015", "is a Parquet file", EXPORT),
          of("ARROW1\0\0", "is an Arrow file", ARROW),
          of("\u00ff\u00ff\u00ff\u00ff", "is an Arrow stream", ARROW),
          of("FEA1\0\0\0\0", "is a Feather file", EXPORT),
          of("SQLite format 3\0", "is an SQLite database", EXPORT),
          of("????\0\0\0\0{", "is a safetensors file", NAME_A_TEXT),
          of("\u0080\u0002", "is a Python pickle", NAME_A_TEXT),
          of("\u0080\u0004\u0095", "is a Python pickle", NAME_A_TEXT),
          of("\u0093NUMPY", "is a NumPy file", NAME_A_TEXT),
          of("\u0089HDF\r\n", "is an HDF5 file", NAME_A_TEXT),
          of("%PDF-", "is a PDF", "extract its text first, for example with 'pdftotext'"),
          of("{\\rtf", "is an RTF document", "save it as plain text"),
          encoded("\u00ff\u00fe\0\0", "UTF-32"),
          encoded("\0\0\u00fe\u00ff", "UTF-32"),
          encoded("\u00ff\u00fe", "UTF-16"),
          encoded("\u00fe\u00ff", "UTF-16"));

  private static Signature of(String start, String what, String advice) {
    return new Signature(start, new FileKind(what, advice, false));
  }

  private static Signature compressed(String start, String program) {
    String article = program.equals("xz") || program.equals("lz4") ? "an " : "a ";
    return of(
        start,
        "is " + article + program + " file",
        "decompress it first, for example with '" + program + " -d'");
  }

  private static Signature encoded(String mark, String charset) {
    return of(mark, "is text in " + charset, FileKind.convertFrom(charset));
  }

  /** Returns the kind of a file with these first bytes, or null. */
  static @Nullable FileKind kind(byte[] head, int length) {
    for (Signature signature : ALL) {
      if (signature.matches(head, length)) {
        return signature.kind;
      }
    }
    return null;
  }

  private boolean matches(byte[] head, int length) {
    if (length < start.length()) {
      return false;
    }
    for (int i = 0; i < start.length(); i++) {
      if (start.charAt(i) != '?' && start.charAt(i) != (head[i] & 0xFF)) {
        return false;
      }
    }
    return true;
  }
}
