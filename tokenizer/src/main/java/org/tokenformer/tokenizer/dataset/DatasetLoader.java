package org.tokenformer.tokenizer.dataset;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.arrow.flatbuf.KeyValue;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.flatbuf.Schema;
import org.jspecify.annotations.Nullable;

/** Collects the batches and metadata of a dataset from its file. */
final class DatasetLoader implements IpcReader.Visitor {
  private final Path file;
  private final List<TokenBatch> batches = new ArrayList<>();
  private @Nullable TokenColumn column;
  private @Nullable TokenizerFingerprint tokenizer;
  private long rows;

  DatasetLoader(Path file) {
    this.file = file;
  }

  @Override
  public void schema(Schema schema, short version) throws DatasetException {
    column = TokenColumn.of(file, schema, version);
    tokenizer = fingerprint(schema);
  }

  @Override
  public void batch(RecordBatch batch, MemorySegment body) throws DatasetException {
    TokenBatch found = Objects.requireNonNull(column).batch(batch, body, rows);
    rows += found.rows();
    if (found.size() > 0) {
      batches.add(found);
    }
  }

  /** Returns the fingerprint in the metadata, or null if another program wrote the file. */
  private static @Nullable TokenizerFingerprint fingerprint(Schema schema) {
    Map<String, String> metadata = new HashMap<>();
    for (int i = 0; i < schema.customMetadataLength(); i++) {
      KeyValue entry = schema.customMetadata(i);
      metadata.put(entry.key(), entry.value());
    }
    String size = metadata.get(ArrowMetadata.VOCABULARY_SIZE_KEY);
    String sha256 = metadata.get(ArrowMetadata.SHA256_KEY);
    if (size == null || sha256 == null) {
      return null;
    }
    try {
      return new TokenizerFingerprint(Integer.parseInt(size), sha256);
    } catch (IllegalArgumentException e) {
      return null;
    }
  }

  /** Returns the batches that contain ids. */
  List<TokenBatch> batches() {
    return batches;
  }

  long rows() {
    return rows;
  }

  @Nullable TokenizerFingerprint tokenizer() {
    return tokenizer;
  }
}
