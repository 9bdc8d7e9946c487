package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.lang.foreign.MemorySegment;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.SequencedMap;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/**
 * The validated header of a safetensors file.
 *
 * @param entries in the order of their data; offsets are relative to {@code dataStart}, cover the
 *     data without holes or overlaps, and match shape and type
 * @param metadata keys and values
 * @param dataStart offset of the data in the file
 */
record SafetensorsHeader(
    List<Entry> entries, SequencedMap<String, String> metadata, long dataStart) {
  /** The format's own limit: 100 MB. */
  static final long MAX_BYTES = 100_000_000;

  static final String METADATA = "__metadata__";

  record Entry(String name, DType dtype, Shape shape, long begin, long end) {}

  static SafetensorsHeader read(FileBytes file) throws CheckpointException {
    MemorySegment bytes = file.bytes();
    long length = headerLength(file.path(), bytes);
    char[] text = decode(file.path(), bytes.asSlice(8, length));
    SafetensorsHeader header = new SafetensorsParser(file.path(), text).parse(8 + length);
    header.checkLayout(file.path(), bytes.byteSize() - header.dataStart());
    return header;
  }

  /** Returns whether a file may have a header: a JSON object after eight bytes. */
  static boolean isPlausible(MemorySegment bytes) {
    return bytes.byteSize() > 8 && Segments.u8(bytes, 8) == '{';
  }

  private static long headerLength(Path path, MemorySegment bytes) throws CheckpointException {
    if (!isPlausible(bytes)) {
      String known = FileSignature.describe(FileSignature.head(bytes));
      if (known != null) {
        throw new CheckpointException(Kind.NOT_A_CHECKPOINT, path, known);
      }
    }
    if (bytes.byteSize() < 8) {
      throw new CheckpointException(
          Kind.TRUNCATED_HEADER,
          path,
          "has %d bytes, but a safetensors file has at least 8; copy or download it again"
              .formatted(bytes.byteSize()));
    }
    long length = Segments.i64(bytes, 0);
    if (length < 0 || length > MAX_BYTES) {
      throw new CheckpointException(
          Kind.HEADER_TOO_LARGE,
          path,
          "header length is %s, but at most %d is allowed; this is not a safetensors file"
              .formatted(Long.toUnsignedString(length), MAX_BYTES));
    }
    if (length > bytes.byteSize() - 8) {
      throw new CheckpointException(
          Kind.TRUNCATED_HEADER,
          path,
          "header length is %d, but only %d bytes follow; copy or download it again"
              .formatted(length, bytes.byteSize() - 8));
    }
    if (length == 0 || Segments.u8(bytes, 8) != '{') {
      throw new CheckpointException(
          Kind.BAD_JSON, path, "header does not begin with '{'; this is not a safetensors file");
    }
    return length;
  }

  private static char[] decode(Path path, MemorySegment header) throws CheckpointException {
    try {
      // A new decoder reports malformed input instead of replacing it.
      CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(header.asByteBuffer());
      char[] exact = new char[text.remaining()];
      text.get(exact);
      return exact;
    } catch (CharacterCodingException e) {
      throw new CheckpointException(Kind.BAD_JSON, path, "header is not UTF-8", e);
    }
  }

  /**
   * Checks that there are no holes or overlaps and that the last tensor ends where the file does.
   */
  private void checkLayout(Path path, long dataBytes) throws CheckpointException {
    long expected = 0;
    String before = "the header";
    for (Entry e : entries) {
      String name = quote(e.name);
      if (e.end > dataBytes) {
        throw new CheckpointException(
            Kind.OUT_OF_BOUNDS,
            path,
            "tensor %s ends at byte %d of the data, but the file has only %d; copy or download it again"
                .formatted(name, e.end, dataBytes));
      }
      if (e.begin < expected) {
        throw new CheckpointException(
            Kind.OVERLAP,
            path,
            "tensor %s begins at byte %d of the data, before the end of %s at %d"
                .formatted(name, e.begin, before, expected));
      }
      if (e.begin > expected) {
        throw new CheckpointException(
            Kind.HOLE,
            path,
            "tensor %s begins at byte %d of the data, but %s ends at %d; holes are not allowed"
                .formatted(name, e.begin, before, expected));
      }
      expected = e.end;
      before = name;
    }
    if (expected != dataBytes) {
      throw new CheckpointException(
          Kind.TRAILING_BYTES,
          path,
          ("the last tensor ends at byte %d of the data, but the file has %d; no bytes are allowed"
                  + " after it")
              .formatted(expected, dataBytes));
    }
  }
}
