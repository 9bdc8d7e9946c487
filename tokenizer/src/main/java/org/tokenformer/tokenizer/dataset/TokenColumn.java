package org.tokenformer.tokenizer.dataset;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;

/**
 * The column {@code input_ids} of a schema: checks that it is a list or large_list of int32 or
 * int64, and finds its values in the record batches.
 */
final class TokenColumn {
  private static final int MAX_NAMES = 20;
  private static final Pattern CONTROL = Pattern.compile("[\\p{Cc}\\p{Cs}]");

  private final Path file;
  private final TokenBatch.Layout layout;
  private final ArrowTypes.Extent before;

  private TokenColumn(Path file, TokenBatch.Layout layout, ArrowTypes.Extent before) {
    this.file = file;
    this.layout = layout;
    this.before = before;
  }

  /**
   * Finds the column in a schema.
   *
   * @throws DatasetException if there is none or it has another type
   */
  static TokenColumn of(Path file, Schema schema, short version) throws DatasetException {
    if (schema.endianness() != Endianness.Little) {
      throw new DatasetException(
          file, "its numbers are big-endian; write it again on a little-endian machine");
    }
    ArrowTypes.Extent before = new ArrowTypes.Extent(version);
    List<String> names = new ArrayList<>();
    for (int i = 0; i < schema.fieldsLength(); i++) {
      Field field = schema.fields(i);
      if (ArrowMetadata.COLUMN.equals(field.name())) {
        return new TokenColumn(file, layout(file, field), before);
      }
      names.add(field.name());
      if (!before.add(field)) {
        throw new DatasetException(
            file,
            "column '%s' before input_ids has the unknown type %s; write only input_ids"
                .formatted(shortened(field.name()), ArrowTypes.name(field)));
      }
    }
    throw new DatasetException(
        file,
        "has no column input_ids, %s; write a column of texts to a text file first (docs/datasets.md shows how)"
            .formatted(described(names)));
  }

  private static String described(List<String> names) {
    if (names.isEmpty()) {
      return "nor any other";
    }
    List<String> first = names.stream().limit(MAX_NAMES).map(TokenColumn::shortened).toList();
    return "only "
        + String.join(", ", first)
        + (names.size() > MAX_NAMES ? " and %d more".formatted(names.size() - MAX_NAMES) : "");
  }

  /** Returns a name for a message: not long, and without control characters. */
  @SuppressWarnings("NullAway") // a name may be absent
  private static String shortened(String name) {
    if (name == null) {
      return "''";
    }
    String plain = CONTROL.matcher(name).replaceAll("?");
    return plain.length() <= 60 ? plain : plain.substring(0, 60) + "…";
  }

  private static TokenBatch.Layout layout(Path file, Field field) throws DatasetException {
    byte type = field.typeType();
    if ((type == Type.List || type == Type.LargeList)
        && field.dictionary() == null
        && field.childrenLength() == 1) {
      Field item = field.children(0);
      Int integer = ArrowTypes.integer(item);
      if (integer != null && item.dictionary() == null) {
        int bits = integer.bitWidth();
        if (integer.isSigned() && (bits == Integer.SIZE || bits == Long.SIZE)) {
          return new TokenBatch.Layout(type == Type.LargeList, bits == Long.SIZE);
        }
      }
    }
    throw new DatasetException(
        file,
        "column input_ids is %s; it must be a list or large_list of int32 or int64"
            .formatted(ArrowTypes.name(field)));
  }

  /** Returns the ids of a record batch whose first row is {@code firstRow}. */
  TokenBatch batch(RecordBatch batch, MemorySegment body, long firstRow) throws DatasetException {
    if (batch.compression() != null) {
      throw new DatasetException(
          file,
          "its buffers are compressed, so it cannot be memory-mapped; write it uncompressed"
              + " (pyarrow: IpcWriteOptions(compression=None); Feather:"
              + " compression='uncompressed')");
    }
    long rows = batch.length();
    int node = before.nodes();
    int buffer = Math.addExact(before.buffers(), buffersOfViews(batch));
    if (node + 2 > batch.nodesLength() || buffer + 4 > batch.buffersLength()) {
      throw damaged(firstRow, "fewer nodes or buffers than the schema requires");
    }
    FieldNode lists = batch.nodes(node);
    FieldNode items = batch.nodes(node + 1);
    if (rows < 0 || lists.length() != rows || items.length() < 0) {
      throw damaged(
          firstRow, "%d rows, %d lists of %d ids".formatted(rows, lists.length(), items.length()));
    }
    checkNulls(lists.nullCount(), "null rows", firstRow);
    checkNulls(items.nullCount(), "null ids", firstRow);
    MemorySegment offsets = slice(body, batch.buffers(buffer + 1), firstRow);
    MemorySegment ids = slice(body, batch.buffers(buffer + 3), firstRow);
    TokenBatch found = TokenBatch.of(file, layout, rows, firstRow, offsets, items.length(), ids);
    if (found == null) {
      throw damaged(firstRow, "lists that are outside its ids");
    }
    return found;
  }

  private int buffersOfViews(RecordBatch batch) throws DatasetException {
    long count = 0;
    if (before.views() > batch.variadicBufferCountsLength()) {
      throw new DatasetException(
          file, "is damaged: a record batch lacks buffer counts for its view columns");
    }
    for (int i = 0; i < before.views(); i++) {
      long more = batch.variadicBufferCounts(i);
      if (more < 0 || more > Integer.MAX_VALUE) {
        throw new DatasetException(file, "is damaged: a view column has " + more + " buffers");
      }
      count += more;
    }
    return (int) Math.min(count, Integer.MAX_VALUE / 2); // more than any batch lists
  }

  private MemorySegment slice(MemorySegment body, Buffer buffer, long firstRow)
      throws DatasetException {
    long offset = buffer.offset();
    long length = buffer.length();
    if (offset < 0 || length < 0 || offset > body.byteSize() - length) {
      throw damaged(
          firstRow,
          "a buffer of %d bytes at offset %d in a body of %d"
              .formatted(length, offset, body.byteSize()));
    }
    return body.asSlice(offset, length);
  }

  private void checkNulls(long count, String what, long firstRow) throws DatasetException {
    if (count != 0) {
      throw new DatasetException(
          file,
          "has %s in the record batch that begins with row %d; remove them"
              .formatted(what, firstRow));
    }
  }

  private DatasetException damaged(long firstRow, String what) {
    return new DatasetException(
        file,
        "is damaged: the record batch that begins with row %d has %s".formatted(firstRow, what));
  }
}
