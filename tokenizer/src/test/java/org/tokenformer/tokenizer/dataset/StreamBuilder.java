package org.tokenformer.tokenizer.dataset;

import com.google.flatbuffers.FlatBufferBuilder;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.List;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;

/**
 * Builds an Arrow IPC stream of one record batch with two rows and three ids. Each number can be
 * set to a wrong value. The body has three offsets, padding and three ids.
 */
final class StreamBuilder {
  short version = MetadataVersion.V5;
  short endianness = Endianness.Little;
  byte firstType = MessageHeader.Schema;
  byte batchType = MessageHeader.RecordBatch;
  byte itemType = Type.Int;
  int depth = 1; // of the lists
  int children = 1;
  long rows = 2;
  long[] nodes = {2, 0, 3, 0}; // length and nulls, each
  long[] buffers = {0, 0, 0, 12, 16, 0, 16, 12}; // offset and length, each
  long bodyLength = 32;
  int[] offsets = {0, 1, 3};
  int metadataLength = -1; // -1: the correct one

  private final ByteArrayOutputStream stream = new ByteArrayOutputStream();

  byte[] build() {
    schema();
    batch();
    return stream.toByteArray();
  }

  private void schema() {
    FlatBufferBuilder fbb = new FlatBufferBuilder();
    int name = fbb.createString("input_ids");
    int none = Field.createChildrenVector(fbb, new int[0]);
    int type = Int.createInt(fbb, 32, true);
    int field = Field.createField(fbb, name, true, itemType, type, 0, none, 0);
    for (int i = 0; i < depth; i++) {
      int[] items = new int[children];
      Arrays.fill(items, field);
      int vector = Field.createChildrenVector(fbb, items);
      List.startList(fbb);
      int list = List.endList(fbb);
      field = Field.createField(fbb, name, true, Type.List, list, 0, vector, 0);
    }
    int fields = Schema.createFieldsVector(fbb, new int[] {field});
    message(fbb, firstType, Schema.createSchema(fbb, endianness, fields, 0, 0), 0);
  }

  private void batch() {
    FlatBufferBuilder fbb = new FlatBufferBuilder();
    RecordBatch.startBuffersVector(fbb, buffers.length / 2);
    for (int i = buffers.length - 2; i >= 0; i -= 2) {
      Buffer.createBuffer(fbb, buffers[i], buffers[i + 1]);
    }
    int bufferVector = fbb.endVector();
    RecordBatch.startNodesVector(fbb, nodes.length / 2);
    for (int i = nodes.length - 2; i >= 0; i -= 2) {
      FieldNode.createFieldNode(fbb, nodes[i], nodes[i + 1]);
    }
    int nodeVector = fbb.endVector();
    int batch = RecordBatch.createRecordBatch(fbb, rows, nodeVector, bufferVector, 0, 0);
    message(fbb, batchType, batch, bodyLength);
    ByteBuffer body = ByteBuffer.allocate(32).order(ByteOrder.LITTLE_ENDIAN);
    for (int offset : offsets) {
      body.putInt(offset);
    }
    body.putInt(0).putInt(10).putInt(11).putInt(12);
    stream.writeBytes(body.array());
  }

  private void message(FlatBufferBuilder fbb, byte type, int header, long body) {
    fbb.finish(Message.createMessage(fbb, version, type, header, body, 0));
    byte[] metadata = fbb.sizedByteArray();
    int length = (metadata.length + 7) / 8 * 8;
    ByteBuffer message = ByteBuffer.allocate(8 + length).order(ByteOrder.LITTLE_ENDIAN);
    message.putInt(-1).putInt(metadataLength == -1 ? length : metadataLength).put(metadata);
    stream.writeBytes(message.array());
  }
}
