package org.tokenformer.tokenizer.dataset;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.jspecify.annotations.Nullable;

/**
 * Finds the schema and the record batches of an Arrow IPC file or stream in memory. Offsets and
 * lengths in the file are checked against its size before they are used.
 *
 * <p>Source: <a href="https://arrow.apache.org/docs/format/Columnar.html">the Arrow columnar
 * format</a>, "IPC Streaming Format" and "IPC File Format".
 */
final class IpcReader {
  /** Receives the schema and the record batches. */
  interface Visitor {
    /** Receives the schema, once, before any batch. */
    void schema(Schema schema, short version) throws DatasetException;

    /** Receives the next batch; its body is within the file. */
    void batch(RecordBatch batch, MemorySegment body) throws DatasetException;
  }

  private record Located(Message message, int metadataLength, MemorySegment body) {}

  /** Maximum length of metadata, enough for a footer with ten million batches. */
  private static final int MAX_METADATA = 256 << 20;

  private static final int PREFIX = 8; // the continuation marker and the length of the metadata
  private static final int FILE_END = Integer.BYTES + IpcFormat.magic().length;
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file;
  private final MemorySegment map;

  private IpcReader(Path file, MemorySegment map) {
    this.file = file;
    this.map = map;
  }

  /**
   * Passes the schema and all batches to the visitor.
   *
   * @throws DatasetException if the visitor throws it, or if the file is empty, truncated, damaged
   *     or not Arrow
   */
  static void read(Path file, MemorySegment map, Visitor visitor) throws DatasetException {
    IpcReader reader = new IpcReader(file, map);
    byte[] start = reader.bytes(0, Math.min(IpcFormat.START, map.byteSize()));
    try {
      switch (IpcFormat.of(start)) {
        case FILE -> reader.readFile(visitor);
        case STREAM -> reader.readStream(visitor);
        case null -> {
          String what = start.length == 0 ? "is empty" : "is not an Arrow IPC file or stream";
          throw new DatasetException(
              file, what + "; create a dataset from text with 'tokenformer prepare'");
        }
      }
    } catch (IndexOutOfBoundsException | IllegalArgumentException | NegativeArraySizeException e) {
      // Arrow's metadata classes follow offsets without checking them.
      throw new DatasetException(file, "its Arrow metadata is damaged", e);
    }
  }

  private void readFile(Visitor visitor) throws DatasetException {
    long size = map.byteSize();
    byte[] magic = IpcFormat.magic();
    if (size < IpcFormat.START + FILE_END
        || !Arrays.equals(magic, bytes(size - magic.length, magic.length))) {
      throw new DatasetException(
          file, "is truncated: an Arrow IPC file must end with ARROW1; write it again");
    }
    int length = map.get(INT, size - FILE_END);
    long footerStart = size - FILE_END - length;
    if (length <= 0 || length > MAX_METADATA || footerStart < IpcFormat.START) {
      throw damaged("its footer length is %d in a file of %d bytes".formatted(length, size));
    }
    Footer footer = Footer.getRootAsFooter(metadata(footerStart, length));
    checkVersion(footer.version());
    visitor.schema(present(footer.schema(), "its footer has no schema"), footer.version());
    Block block = new Block();
    for (int i = 0; i < footer.recordBatchesLength(); i++) {
      footer.recordBatches(block, i);
      String what = "record batch " + i;
      if (block.offset() < IpcFormat.START || block.offset() > footerStart) {
        throw damaged("%s starts at byte %d of %d".formatted(what, block.offset(), size));
      }
      Located batch = message(block.offset(), footerStart, what);
      if (batch == null
          || batch.message.headerType() != MessageHeader.RecordBatch
          || batch.metadataLength != block.metaDataLength()
          || batch.body.byteSize() != block.bodyLength()) {
        throw damaged("%s does not match its entry in the footer".formatted(what));
      }
      visitor.batch(batchOf(batch, what), batch.body);
    }
  }

  private void readStream(Visitor visitor) throws DatasetException {
    long size = map.byteSize();
    Located first = message(0, size, "the first message");
    if (first == null || first.message.headerType() != MessageHeader.Schema) {
      throw damaged("an Arrow IPC stream must begin with a schema");
    }
    Schema schema = present((Schema) first.message.header(new Schema()), "it has no schema");
    visitor.schema(schema, first.message.version());
    long at = first.metadataLength;
    for (int i = 1; at < size; i++) { // the end-of-stream marker is optional
      String what = "message " + i;
      Located next = message(at, size, what);
      if (next == null) {
        if (size - at > PREFIX) {
          throw damaged(
              "%d bytes follow the end of the stream; write concatenated streams as one"
                  .formatted(size - at - PREFIX));
        }
        return;
      }
      switch (next.message.headerType()) {
        case MessageHeader.RecordBatch -> visitor.batch(batchOf(next, what), next.body);
        case MessageHeader.DictionaryBatch -> {} // for another column
        default ->
            throw damaged(
                "%s is neither a record batch nor a dictionary batch but has type %d"
                    .formatted(what, next.message.headerType()));
      }
      at += next.metadataLength + next.body.byteSize();
    }
  }

  private RecordBatch batchOf(Located located, String what) throws DatasetException {
    return present(
        (RecordBatch) located.message.header(new RecordBatch()), what + " has no content");
  }

  /** Reads the message at an offset; returns null for the end-of-stream marker. */
  private @Nullable Located message(long at, long limit, String what) throws DatasetException {
    long left = limit - at - PREFIX;
    if (left < 0) {
      throw truncated(what, PREFIX, left + PREFIX);
    }
    if (map.get(INT, at) != IpcFormat.CONTINUATION) {
      throw damaged(
          "%s at byte %d lacks the marker that begins messages since Arrow 0.15; write the file again"
              .formatted(what, at));
    }
    int length = map.get(INT, at + Integer.BYTES);
    if (length == 0) {
      return null;
    }
    if (length < 0 || length > MAX_METADATA) {
      throw damaged("%s has metadata of %d bytes".formatted(what, length));
    }
    if (length > left) {
      throw truncated(what, length, left);
    }
    Message message = Message.getRootAsMessage(metadata(at + PREFIX, length));
    checkVersion(message.version());
    long bodyLength = message.bodyLength();
    if (bodyLength < 0) {
      throw damaged("%s has a body of %d bytes".formatted(what, bodyLength));
    }
    if (bodyLength > left - length) {
      throw truncated(what, bodyLength, left - length);
    }
    MemorySegment body = map.asSlice(at + PREFIX + length, bodyLength);
    return new Located(message, PREFIX + length, body);
  }

  /** Returns a copy, so that checked metadata cannot change while it is used. */
  private ByteBuffer metadata(long at, int length) {
    return ByteBuffer.wrap(bytes(at, length)).order(ByteOrder.LITTLE_ENDIAN);
  }

  private byte[] bytes(long at, long length) {
    return map.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
  }

  private void checkVersion(short version) throws DatasetException {
    if (version != MetadataVersion.V4 && version != MetadataVersion.V5) {
      throw new DatasetException(
          file,
          "its Arrow metadata has version V%d; only V4 and V5, written since Arrow 0.8, are supported"
              .formatted(version + 1));
    }
  }

  @SuppressWarnings("NullAway") // Arrow's classes return null for absent values
  private <T> T present(T value, String problem) throws DatasetException {
    if (value == null) {
      throw damaged(problem);
    }
    return value;
  }

  private DatasetException truncated(String what, long needed, long left) {
    return new DatasetException(
        file,
        "is truncated: %s needs %d more bytes, but only %d are left; write it again"
            .formatted(what, needed, left));
  }

  private DatasetException damaged(String problem) {
    return new DatasetException(file, "is damaged: " + problem);
  }
}
