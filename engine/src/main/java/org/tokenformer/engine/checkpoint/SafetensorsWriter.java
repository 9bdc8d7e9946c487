package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/** Writes safetensors files that every implementation of the format can open. */
public final class SafetensorsWriter {
  private static final int ALIGNMENT = 64;

  private SafetensorsWriter() {}

  /**
   * Writes a file atomically (see {@link AtomicFiles}). The data begins at a multiple of 64 bytes.
   * Tensors are sorted by element size, largest first, and otherwise keep their order; so each
   * tensor is aligned to its elements although the format allows no padding between tensors.
   *
   * @throws CheckpointException for a duplicate, reserved, too long or invalid name; if a limit is
   *     exceeded; if the system refuses to write
   */
  public static void write(Path target, List<NamedTensor> tensors, Map<String, String> metadata)
      throws CheckpointException {
    writePending(target, tensors.stream().map(PendingTensor::of).toList(), metadata);
  }

  /** Writes a file of tensors whose elements are requested one tensor at a time. */
  public static void writePending(
      Path target, List<PendingTensor> tensors, Map<String, String> metadata)
      throws CheckpointException {
    AtomicFiles.write(target, writer(target, tensors, metadata));
  }

  /** Returns a writer, after every check that is possible before the first byte is written. */
  static AtomicFiles.Writer writer(
      Path target, List<PendingTensor> tensors, Map<String, String> metadata)
      throws CheckpointException {
    TensorLimits.checkAll(target, tensors);
    List<PendingTensor> ordered = new ArrayList<>(tensors);
    ordered.sort(Comparator.comparingInt((PendingTensor t) -> t.dtype().bytes()).reversed());
    byte[] header = header(target, ordered, metadata);
    return out -> {
      ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
      Segments.write(out, length.putLong(header.length).flip());
      Segments.write(out, ByteBuffer.wrap(header));
      for (PendingTensor tensor : ordered) {
        Segments.write(out, tensor.data().get());
      }
    };
  }

  private static byte[] header(
      Path target, List<PendingTensor> tensors, Map<String, String> metadata)
      throws CheckpointException {
    StringWriter text = new StringWriter();
    try (JsonWriter json = new JsonWriter(text)) {
      json.setHtmlSafe(false);
      json.beginObject();
      if (!metadata.isEmpty()) {
        json.name(SafetensorsHeader.METADATA).beginObject();
        for (Map.Entry<String, String> e : metadata.entrySet()) {
          TensorLimits.checkName(target, e.getKey());
          json.name(e.getKey()).value(e.getValue());
        }
        json.endObject();
      }
      long offset = 0;
      for (PendingTensor tensor : tensors) {
        if (tensor.name().equals(SafetensorsHeader.METADATA)) {
          throw new CheckpointException(
              Kind.BAD_NAME,
              target,
              "tensor name %s is reserved; give the tensor another name"
                  .formatted(quote(tensor.name())));
        }
        offset = entry(json, tensor, offset);
      }
      json.endObject();
    } catch (CheckpointException e) {
      throw e;
    } catch (IOException e) {
      throw new AssertionError("a StringWriter does not fail", e);
    }
    return pad(target, text.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static long entry(JsonWriter json, PendingTensor tensor, long offset) throws IOException {
    long end = Math.addExact(offset, tensor.shape().bytes(tensor.dtype()));
    json.name(tensor.name()).beginObject();
    json.name("dtype").value(tensor.dtype().name());
    json.name("shape").beginArray();
    for (int i = 0; i < tensor.shape().rank(); i++) {
      json.value(tensor.shape().size(i));
    }
    json.endArray();
    json.name("data_offsets").beginArray().value(offset).value(end).endArray();
    json.endObject();
    return end;
  }

  private static byte[] pad(Path target, byte[] header) throws CheckpointException {
    int padded = Math.ceilDiv(8 + header.length, ALIGNMENT) * ALIGNMENT - 8;
    if (padded > SafetensorsHeader.MAX_BYTES) {
      throw new CheckpointException(
          Kind.HEADER_TOO_LARGE,
          target,
          "header would have %d bytes, but at most %d are allowed; write fewer tensors"
              .formatted(padded, SafetensorsHeader.MAX_BYTES));
    }
    byte[] bytes = Arrays.copyOf(header, padded);
    Arrays.fill(bytes, header.length, padded, (byte) ' ');
    return bytes;
  }
}
