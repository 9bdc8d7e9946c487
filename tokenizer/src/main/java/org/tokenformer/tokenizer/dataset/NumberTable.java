package org.tokenformer.tokenizer.dataset;

import com.google.flatbuffers.FlatBufferBuilder;
import it.unimi.dsi.fastutil.doubles.DoubleList;
import it.unimi.dsi.fastutil.longs.LongList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;
import org.tokenformer.tokenizer.dataset.IpcMessages.BatchBlock;
import org.tokenformer.tokenizer.io.AtomicFile;

/**
 * Writes tables of named number columns as Arrow IPC files, which pyarrow and data frame libraries
 * can open. All rows are in one record batch.
 */
public final class NumberTable {
  private static final int CHUNK = 1 << 13;

  /** A column; all columns of a table have the same number of rows. */
  public sealed interface Column {
    /** Returns the name. */
    String name();

    /** Returns the number of rows. */
    int size();
  }

  /** A column of int64. */
  public record Longs(String name, LongList values) implements Column {
    @Override
    public int size() {
      return values.size();
    }
  }

  /** A column of float64; NaN stands for a missing value and is written as null. */
  public record Doubles(String name, DoubleList values) implements Column {
    @Override
    public int size() {
      return values.size();
    }
  }

  private NumberTable() {}

  /**
   * Writes a table, completely or not at all.
   *
   * @param file the file to write; replaced if it exists
   * @param columns columns with the same number of rows
   * @throws DatasetException if the file cannot be written
   * @throws IllegalArgumentException if the numbers of rows differ
   */
  public static void write(Path file, List<Column> columns) throws DatasetException {
    int rows = columns.getFirst().size();
    for (Column column : columns) {
      if (column.size() != rows) {
        throw new IllegalArgumentException(
            "column %s has %d rows, not %d".formatted(column.name(), column.size(), rows));
      }
    }
    try (AtomicFile out = AtomicFile.create(file)) {
      FileChannel channel = out.channel();
      write(channel, ByteBuffer.allocate(IpcFormat.START).put(IpcFormat.magic()).rewind());
      write(channel, IpcMessages.schema(fbb -> schema(fbb, columns)));
      long start = channel.position();
      long bodyLength = columns.stream().mapToLong(NumberTable::bodyLength).sum();
      ByteBuffer message = batch(columns, rows, bodyLength);
      BatchBlock block = new BatchBlock(start, message.remaining(), bodyLength);
      write(channel, message);
      for (Column column : columns) {
        writeBody(channel, column);
      }
      write(channel, IpcMessages.end(fbb -> schema(fbb, columns), List.of(block)));
      out.commit();
    } catch (IOException e) {
      throw DatasetException.cannotWrite(file, e);
    }
  }

  private static int schema(FlatBufferBuilder fbb, List<Column> columns) {
    int[] fields = new int[columns.size()];
    for (int i = 0; i < fields.length; i++) {
      Column column = columns.get(i);
      boolean whole = column instanceof Longs;
      int type =
          whole
              ? Int.createInt(fbb, Long.SIZE, true)
              : FloatingPoint.createFloatingPoint(fbb, Precision.DOUBLE);
      byte kind = whole ? Type.Int : Type.FloatingPoint;
      int none = Field.createChildrenVector(fbb, new int[0]);
      int name = fbb.createString(column.name());
      fields[i] = Field.createField(fbb, name, true, kind, type, 0, none, 0);
    }
    int all = Schema.createFieldsVector(fbb, fields);
    return Schema.createSchema(fbb, Endianness.Little, all, 0, 0);
  }

  private static ByteBuffer batch(List<Column> columns, int rows, long bodyLength) {
    FlatBufferBuilder fbb = new FlatBufferBuilder();
    RecordBatch.startBuffersVector(fbb, 2 * columns.size());
    long end = bodyLength;
    for (Column column : columns.reversed()) { // vectors of structs are built back to front
      long start = end - bodyLength(column);
      long validity = validityLength(column);
      Buffer.createBuffer(fbb, start + padded(validity), (long) rows * Long.BYTES);
      Buffer.createBuffer(fbb, start, validity);
      end = start;
    }
    int buffers = fbb.endVector();
    RecordBatch.startNodesVector(fbb, columns.size());
    for (Column column : columns.reversed()) {
      FieldNode.createFieldNode(fbb, rows, nulls(column));
    }
    int nodes = fbb.endVector();
    int batch = RecordBatch.createRecordBatch(fbb, rows, nodes, buffers, 0, 0);
    return IpcMessages.batch(fbb, batch, bodyLength);
  }

  private static long nulls(Column column) {
    return switch (column) {
      case Longs _ -> 0;
      case Doubles doubles -> doubles.values.doubleStream().filter(Double::isNaN).count();
    };
  }

  /** Returns the bytes of the validity bitmap; 0 if all rows have a value. */
  private static long validityLength(Column column) {
    return nulls(column) == 0 ? 0 : Math.ceilDiv(column.size(), Byte.SIZE);
  }

  private static long bodyLength(Column column) {
    return padded(validityLength(column)) + padded((long) column.size() * Long.BYTES);
  }

  private static long padded(long length) {
    return length + IpcMessages.padding(length);
  }

  private static void writeBody(FileChannel channel, Column column) throws IOException {
    int validity = (int) validityLength(column);
    if (column instanceof Doubles doubles && validity > 0) {
      ByteBuffer bits = ByteBuffer.allocate((int) padded(validity));
      for (int row = 0; row < column.size(); row++) {
        if (!Double.isNaN(doubles.values.getDouble(row))) {
          int index = row / Byte.SIZE;
          bits.put(index, (byte) (bits.get(index) | 1 << row % Byte.SIZE));
        }
      }
      write(channel, bits);
    }
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int row = 0; row < column.size(); row++) {
      switch (column) {
        case Longs longs -> chunk.putLong(longs.values.getLong(row));
        case Doubles doubles -> chunk.putDouble(doubles.values.getDouble(row));
      }
      if (!chunk.hasRemaining()) {
        write(channel, chunk.flip());
        chunk.clear();
      }
    }
    write(channel, chunk.flip());
    long length = (long) column.size() * Long.BYTES;
    write(channel, ByteBuffer.allocate(IpcMessages.padding(length)));
  }

  private static void write(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      int _ = channel.write(bytes);
    }
  }
}
