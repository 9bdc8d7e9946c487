package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.CRC32;
import org.tokenformer.engine.checkpoint.CheckpointException;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.checkpoint.TorchCheckpoint;

/**
 * A file of {@code torch.save}. One with wrong checksums is read a second time with the right ones,
 * since no mutation finds them.
 */
final class TorchZipTarget implements FuzzTarget {
  private static final int DIRECTORY_SIGNATURE = 0x02014b50;
  private static final int DIRECTORY_SIZE = 46;
  private static final int LOCAL_SIZE = 30;

  private final Path file;

  TorchZipTarget(Path scratch) {
    file = scratch.resolve("x.bin");
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    try {
      open(bytes);
    } catch (CheckpointException e) {
      if (e.kind() != Kind.CRC_MISMATCH && e.kind() != Kind.HEADER_MISMATCH) {
        throw e;
      }
      open(withChecksums(bytes.clone()));
    }
  }

  private void open(byte[] bytes) throws IOException {
    Files.write(file, bytes);
    try (TorchCheckpoint opened = TorchCheckpoint.open(file)) {
      SafetensorsTarget.readAll(opened);
    }
  }

  /** Corrects the checksums of all stored entries that the directory lists, if it can be found. */
  private static byte[] withChecksums(byte[] archive) {
    ByteBuffer zip = ByteBuffer.wrap(archive).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = 0; at <= archive.length - DIRECTORY_SIZE; at++) {
      if (zip.getInt(at) == DIRECTORY_SIGNATURE) {
        int size = zip.getInt(at + 20);
        int local = zip.getInt(at + 42);
        if (local >= 0 && local <= archive.length - LOCAL_SIZE) {
          int data = local + LOCAL_SIZE + zip.getChar(local + 26) + zip.getChar(local + 28);
          if (size >= 0 && size <= archive.length - data) {
            CRC32 crc = new CRC32();
            crc.update(archive, data, size);
            zip.putInt(at + 16, (int) crc.getValue());
            zip.putInt(local + 14, (int) crc.getValue());
          }
        }
      }
    }
    return archive;
  }

  @Override
  public List<byte[]> seeds() throws IOException {
    return Samples.files(
        "checkpoint",
        "attributes.bin",
        "deflated.bin",
        "dtypes.bin",
        "nested.bin",
        "no-checksums.bin",
        "protocol2.bin",
        "protocol5.bin",
        "rows.bin",
        "views.bin");
  }
}
