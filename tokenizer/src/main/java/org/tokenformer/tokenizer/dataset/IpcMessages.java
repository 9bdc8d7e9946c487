package org.tokenformer.tokenizer.dataset;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.function.ToIntFunction;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;

/**
 * Builds the messages and the footer of an IPC file.
 *
 * <p>Source: <a href="https://arrow.apache.org/docs/format/Columnar.html">the Arrow columnar
 * format</a>, "Serialization and Interprocess Communication".
 */
final class IpcMessages {
  /** The format requires an alignment of 8 bytes and recommends 64. */
  private static final int ALIGNMENT = 64;

  /** A record batch in the file: the start of its message, the lengths of metadata and body. */
  record BatchBlock(long offset, int metadataLength, long bodyLength) {}

  private IpcMessages() {}

  /** Returns the number of bytes to the next multiple of the alignment. */
  static int padding(long length) {
    return (int) (-length & (ALIGNMENT - 1));
  }

  /**
   * Returns the first message. It begins at byte 8 and is padded so that the next is aligned.
   *
   * @param schema builds a {@code Schema}
   */
  static ByteBuffer schema(ToIntFunction<FlatBufferBuilder> schema) {
    FlatBufferBuilder fbb = new FlatBufferBuilder();
    return message(fbb, MessageHeader.Schema, schema.applyAsInt(fbb), 0, 8);
  }

  /**
   * Returns the message of a batch without its body.
   *
   * @param batch a {@code RecordBatch} in the builder
   */
  static ByteBuffer batch(FlatBufferBuilder fbb, int batch, long bodyLength) {
    return message(fbb, MessageHeader.RecordBatch, batch, bodyLength, 0);
  }

  private static ByteBuffer message(
      FlatBufferBuilder fbb, byte type, int header, long bodyLength, int fileOffset) {
    fbb.finish(Message.createMessage(fbb, MetadataVersion.V5, type, header, bodyLength, 0));
    ByteBuffer metadata = fbb.dataBuffer();
    int length = metadata.remaining() + padding(fileOffset + 8L + metadata.remaining());
    ByteBuffer message = ByteBuffer.allocate(8 + length).order(ByteOrder.LITTLE_ENDIAN);
    message.putInt(IpcFormat.CONTINUATION).putInt(length).put(metadata);
    return message.rewind();
  }

  /** Returns the end of the file: the end-of-stream mark, the footer, its length and the magic. */
  static ByteBuffer end(ToIntFunction<FlatBufferBuilder> schema, List<BatchBlock> batches) {
    FlatBufferBuilder fbb = new FlatBufferBuilder();
    int schemaOffset = schema.applyAsInt(fbb);
    Footer.startDictionariesVector(fbb, 0);
    int dictionaries = fbb.endVector();
    Footer.startRecordBatchesVector(fbb, batches.size());
    for (BatchBlock batch : batches.reversed()) { // vectors of structs are built back to front
      Block.createBlock(fbb, batch.offset(), batch.metadataLength(), batch.bodyLength());
    }
    int blocks = fbb.endVector();
    fbb.finish(Footer.createFooter(fbb, MetadataVersion.V5, schemaOffset, dictionaries, blocks, 0));
    ByteBuffer footer = fbb.dataBuffer();
    int length = footer.remaining();
    byte[] magic = IpcFormat.magic();
    ByteBuffer end = ByteBuffer.allocate(8 + length + 4 + magic.length);
    end.order(ByteOrder.LITTLE_ENDIAN).putInt(IpcFormat.CONTINUATION).putInt(0);
    return end.put(footer).putInt(length).put(magic).rewind();
  }
}
