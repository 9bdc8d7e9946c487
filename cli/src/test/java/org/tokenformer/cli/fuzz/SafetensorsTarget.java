package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.engine.checkpoint.Checkpoint;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsFile;

/**
 * A safetensors file. If the header's length is impossible, the file is read a second time with the
 * length of what looks like its JSON.
 */
final class SafetensorsTarget implements FuzzTarget {
  private final Path file;

  SafetensorsTarget(Path scratch) {
    file = scratch.resolve("x.safetensors");
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    if (bytes.length > Long.BYTES) {
      ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      long length = header.getLong(0);
      if (length < 0 || length > bytes.length - Long.BYTES) {
        header.putLong(0, jsonEnd(bytes) - Long.BYTES);
      }
    }
    Files.write(file, bytes);
    for (LoadMode mode : LoadMode.values()) {
      try (SafetensorsFile opened = SafetensorsFile.open(file, mode)) {
        readAll(opened);
      }
    }
  }

  private static int jsonEnd(byte[] bytes) {
    int end = bytes.length;
    while (end > Long.BYTES && bytes[end - 1] != '}') {
      end--;
    }
    return end;
  }

  /** Reads every byte of every tensor. */
  static void readAll(Checkpoint checkpoint) throws IOException {
    for (NamedTensor tensor : checkpoint.tensors().values()) {
      long sum = 0;
      for (long i = 0; i < tensor.data().byteSize(); i++) {
        sum += tensor.data().get(ValueLayout.JAVA_BYTE, i);
      }
      if (tensor.shape().bytes(tensor.dtype()) != tensor.data().byteSize() || sum > 1L << 62) {
        throw new IllegalStateException(tensor + " has " + tensor.data().byteSize() + " bytes");
      }
    }
  }

  @Override
  public List<byte[]> seeds() throws IOException {
    return Samples.files(
        "checkpoint", "dtypes.safetensors", "views.safetensors", "protocols.safetensors");
  }
}
