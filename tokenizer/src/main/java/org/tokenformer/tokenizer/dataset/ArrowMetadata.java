package org.tokenformer.tokenizer.dataset;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.util.List;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;
import org.tokenformer.tokenizer.dataset.IpcMessages.BatchBlock;

/**
 * The metadata of an IPC file with one column, a list of int32.
 *
 * <p>Source: <a href="https://arrow.apache.org/docs/format/Columnar.html">the Arrow columnar
 * format</a>, "Serialization and Interprocess Communication".
 */
final class ArrowMetadata {
  /** The name of the column, as HF calls the input of a language model. */
  static final String COLUMN = "input_ids";

  static final String VOCABULARY_SIZE_KEY = "tokenizer_vocab_size";
  static final String SHA256_KEY = "tokenizer_sha256";

  private ArrowMetadata() {}

  /** Returns the schema message, the first of the file. */
  static ByteBuffer schemaMessage(TokenizerFingerprint tokenizer) {
    return IpcMessages.schema(fbb -> schema(fbb, tokenizer));
  }

  private static int schema(FlatBufferBuilder fbb, TokenizerFingerprint tokenizer) {
    int none = Field.createChildrenVector(fbb, new int[0]);
    int int32 = Int.createInt(fbb, 32, true);
    // Names and nullability follow pyarrow's defaults, so that tables can be concatenated.
    int item = Field.createField(fbb, fbb.createString("item"), true, Type.Int, int32, 0, none, 0);
    int children = Field.createChildrenVector(fbb, new int[] {item});
    org.apache.arrow.flatbuf.List.startList(fbb);
    int list = org.apache.arrow.flatbuf.List.endList(fbb);
    int column =
        Field.createField(fbb, fbb.createString(COLUMN), true, Type.List, list, 0, children, 0);
    int fields = Schema.createFieldsVector(fbb, new int[] {column});
    int[] metadata = {
      keyValue(fbb, VOCABULARY_SIZE_KEY, Integer.toString(tokenizer.vocabularySize())),
      keyValue(fbb, SHA256_KEY, tokenizer.sha256())
    };
    int customMetadata = Schema.createCustomMetadataVector(fbb, metadata);
    return Schema.createSchema(fbb, Endianness.Little, fields, customMetadata, 0);
  }

  private static int keyValue(FlatBufferBuilder fbb, String key, String value) {
    return KeyValue.createKeyValue(fbb, fbb.createString(key), fbb.createString(value));
  }

  /** Returns the start of the ids in the body of a batch, after the {@code rows + 1} offsets. */
  static long idsStart(long rows) {
    long length = (rows + 1) * Integer.BYTES;
    return length + IpcMessages.padding(length);
  }

  static long bodyLength(long rows, long ids) {
    long length = idsStart(rows) + ids * Integer.BYTES;
    return length + IpcMessages.padding(length);
  }

  /** Returns the message of a batch without its body. All such messages have the same length. */
  static ByteBuffer batchMessage(long rows, long ids) {
    FlatBufferBuilder fbb = new FlatBufferBuilder();
    RecordBatch.startBuffersVector(fbb, 4); // vectors of structs are built back to front
    Buffer.createBuffer(fbb, idsStart(rows), ids * Integer.BYTES);
    Buffer.createBuffer(fbb, idsStart(rows), 0); // no validity bitmap: no id is null
    Buffer.createBuffer(fbb, 0, (rows + 1) * Integer.BYTES);
    Buffer.createBuffer(fbb, 0, 0); // no row is null
    int buffers = fbb.endVector();
    RecordBatch.startNodesVector(fbb, 2);
    FieldNode.createFieldNode(fbb, ids, 0);
    FieldNode.createFieldNode(fbb, rows, 0);
    int nodes = fbb.endVector();
    int batch = RecordBatch.createRecordBatch(fbb, rows, nodes, buffers, 0, 0);
    return IpcMessages.batch(fbb, batch, bodyLength(rows, ids));
  }

  /** Returns the bytes that follow the last batch. */
  static ByteBuffer end(TokenizerFingerprint tokenizer, List<BatchBlock> batches) {
    return IpcMessages.end(fbb -> schema(fbb, tokenizer), batches);
  }
}
