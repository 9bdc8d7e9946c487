package org.tokenformer.cli.fuzz;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.tokenformer.engine.checkpoint.TorchCheckpoint;

/**
 * The pickle of a {@code torch.save}, in an archive that is valid: the input is a number of
 * storages (a byte), the size of each in bytes (two bytes each, little-endian), and the pickle.
 */
final class TorchPickleTarget implements FuzzTarget {
  private static final int MAX_STORAGES = 24;

  private final Path file;

  TorchPickleTarget(Path scratch) {
    file = scratch.resolve("x.bin");
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    ByteBuffer input = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int storages = input.hasRemaining() ? (input.get() & 0xff) % (MAX_STORAGES + 1) : 0;
    ByteArrayOutputStream archive = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(archive)) {
      for (int i = 0; i < storages && input.remaining() >= 2; i++) {
        // At most 4 KiB: what a storage costs is known, and what matters is in the pickle.
        add(zip, "x/data/" + i, new byte[input.getChar() & 0xfff]);
      }
      byte[] pickle = Arrays.copyOfRange(bytes, input.position(), bytes.length);
      add(zip, "x/data.pkl", pickle);
    }
    Files.write(file, archive.toByteArray());
    try (TorchCheckpoint opened = TorchCheckpoint.open(file)) {
      SafetensorsTarget.readAll(opened);
    }
  }

  private static void add(ZipOutputStream zip, String name, byte[] data) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(data);
    ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(data.length);
    entry.setCrc(crc.getValue());
    entry.setTime(0);
    zip.putNextEntry(entry);
    zip.write(data);
  }

  @Override
  public List<byte[]> seeds() throws IOException {
    List<byte[]> seeds = new ArrayList<>();
    for (String name :
        List.of(
            "attributes",
            "dtypes",
            "nested",
            "nested-twice",
            "protocol2",
            "protocol3",
            "protocol4",
            "protocol5",
            "rows",
            "views")) {
      seeds.add(seed(Samples.path("checkpoint/" + name + ".bin")));
    }
    return seeds;
  }

  private static byte[] seed(Path checkpoint) throws IOException {
    try (ZipFile zip = new ZipFile(checkpoint.toFile())) {
      ZipEntry pickle =
          zip.stream()
              .filter(entry -> entry.getName().endsWith("/data.pkl"))
              .findFirst()
              .orElseThrow();
      String folder = pickle.getName().replace("data.pkl", "data/");
      ByteBuffer seed = ByteBuffer.allocate(1 << 14).order(ByteOrder.LITTLE_ENDIAN).put((byte) 0);
      int storages = 0;
      while (zip.getEntry(folder + storages) != null) {
        seed.putChar((char) zip.getEntry(folder + storages).getSize());
        storages++;
      }
      seed.put(0, (byte) storages).put(zip.getInputStream(pickle).readAllBytes());
      return Arrays.copyOf(seed.array(), seed.position());
    }
  }
}
