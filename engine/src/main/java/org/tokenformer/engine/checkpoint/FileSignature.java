package org.tokenformer.engine.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Recognises, by their first bytes, files that users have in place of the right one: a pointer of
 * Git LFS, a page that a web server sent, a compressed file, a model of another program.
 */
public final class FileSignature {
  /** The number of bytes to look at. */
  static final int HEAD = 512;

  /**
   * A kind of file.
   *
   * @param start its first bytes, one per character
   * @param at offset of these bytes
   * @param what the file is, and what to do
   */
  private record Signature(String start, int at, String what) {
    Signature(String start, String what) {
      this(start, 0, what);
    }
  }

  private static final String UNPACK = " file; unpack it first, for example with ";

  private static final List<Signature> SIGNATURES =
      List.of(
          new Signature(
              "version https://git-lfs.github.com/spec/",
              "is a Git LFS pointer, not the file itself; run 'git lfs pull' in its repository"),
          new Signature("\u001f\u008b", "is a gzip" + UNPACK + "'gzip -d'"),
          new Signature("\u00fd7zXZ\0", "is an xz" + UNPACK + "'xz -d'"),
          new Signature("BZh", "is a bzip2" + UNPACK + "'bzip2 -d'"),
          new Signature("(\u00b5/\u00fd", "is a zstd" + UNPACK + "'zstd -d'"),
          new Signature("7z\u00bc\u00af", "is a 7z" + UNPACK + "'7z x'"),
          new Signature("ustar", 257, "is a tar" + UNPACK + "'tar -xf'"),
          new Signature("GGUF", "is a GGUF model of llama.cpp, which cannot be converted back"),
          new Signature("TFL3", 4, "is a TensorFlow Lite model, which is not supported"),
          new Signature(
              "\u0089HDF\r\n\u001a\n",
              "is an HDF5 file (TensorFlow or Keras), which is not supported; save the weights with"
                  + " PyTorch or safetensors"),
          new Signature(
              "\u0093NUMPY",
              "is a NumPy array; save all weights with safetensors.numpy.save_file(arrays, path)"),
          new Signature(
              "\u0080\u0002\u008a\nl\u00fc\u009cF\u00f9 j\u00a8P\u0019",
              "is in the format of torch before 1.6; convert it in Python:"
                  + " torch.save(torch.load(old, weights_only=True), new)"),
          new Signature("\u0080", "is a Python pickle that torch.save did not write"),
          new Signature("PAR1", "is a Parquet file"),
          new Signature("ARROW1", "is an Arrow file"),
          new Signature("%PDF", "is a PDF document"));

  private FileSignature() {}

  /**
   * Returns what a file is and what to do, such as {@code "is a Git LFS pointer …; run 'git lfs
   * pull' …"}, or null if it is of no recognised kind.
   *
   * @throws IOException if the file cannot be read
   */
  public static @Nullable String describe(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      return describe(in.readNBytes(HEAD));
    }
  }

  /** Returns the first {@link #HEAD} bytes, or fewer if there are no more. */
  static byte[] head(MemorySegment bytes) {
    return bytes.asSlice(0, Math.min(bytes.byteSize(), HEAD)).toArray(ValueLayout.JAVA_BYTE);
  }

  /** Does the same for the first {@link #HEAD} bytes of a file, or all of them if it is shorter. */
  static @Nullable String describe(byte[] head) {
    if (head.length == 0) {
      return "is empty (0 bytes); copy or download it again";
    }
    String text = new String(head, StandardCharsets.ISO_8859_1);
    for (Signature signature : SIGNATURES) {
      if (text.startsWith(signature.start, signature.at)) {
        return signature.what;
      }
    }
    if (head.length > 2 && head[0] == 8 && head[1] > 0 && head[1] < 32 && head[2] == 0x12) {
      return "is an ONNX model, which is not supported; use the PyTorch checkpoint it was made from";
    }
    String stripped = text.replace("\u00ef\u00bb\u00bf", "").strip().toLowerCase(Locale.ROOT);
    if (stripped.startsWith("<!doctype html")
        || stripped.startsWith("<html")
        || stripped.startsWith("<head")) {
      return "is an HTML page, which a web server sent instead of the file; check the address, log in"
          + " if necessary, and download the file itself";
    }
    if (stripped.startsWith("<?xml") || stripped.startsWith("<error")) {
      return "is an XML document, often an error message of a web server; download the file again";
    }
    if (text.chars().allMatch(c -> c == 0)) {
      return "begins with %d zero bytes, so it was not completely written; copy or download it again"
          .formatted(head.length);
    }
    return null;
  }
}
