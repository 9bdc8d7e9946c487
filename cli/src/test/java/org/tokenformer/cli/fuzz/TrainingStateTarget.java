package org.tokenformer.cli.fuzz;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.tokenformer.engine.Backends;
import org.tokenformer.engine.train.SavedRun;
import org.tokenformer.engine.train.Trainer;

/**
 * The checkpoint of a training run, of which one file is replaced: the first byte of the input says
 * which, and the rest is its content. Unless that file is the list of checksums, its checksum is
 * corrected.
 */
final class TrainingStateTarget implements FuzzTarget {
  private static final String SUMS = "SHA256SUMS";
  private static final List<String> NAMES =
      List.of(
          "training/state.json",
          "training/moments.safetensors",
          SUMS,
          "config.json",
          "model.safetensors");

  private final Path checkpoint;
  private final List<byte[]> contents = new ArrayList<>();

  TrainingStateTarget(Path scratch) throws IOException {
    checkpoint = new Fixtures(scratch).checkpoint();
    for (String name : NAMES) {
      contents.add(Files.readAllBytes(checkpoint.resolve(name)));
    }
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    int which = bytes.length == 0 ? 0 : (bytes[0] & 0xff) % NAMES.size();
    byte[] content = Arrays.copyOfRange(bytes, Math.min(1, bytes.length), bytes.length);
    write(which, content);
    try {
      SavedRun run = SavedRun.open(checkpoint);
      try (Trainer _ =
          run.trainer(
              run.model(Backends.open("scalar", 1).backend()), Fixtures.DATA, run.options())) {
        run.beganWith(run.config());
      }
    } finally {
      write(which, contents.get(which));
    }
  }

  /** Replaces a file and, unless it is the list itself, its checksum. */
  private void write(int which, byte[] content) throws IOException {
    String name = NAMES.get(which);
    Files.write(checkpoint.resolve(name), content);
    if (!name.equals(SUMS)) {
      String sums = new String(contents.get(NAMES.indexOf(SUMS)), ISO_8859_1);
      String line = sha256(content) + "  " + name;
      sums = sums.replaceFirst("[0-9a-f]{64}  " + name, line);
      Files.writeString(checkpoint.resolve(SUMS), sums, ISO_8859_1);
    }
  }

  private static String sha256(byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public List<byte[]> seeds() {
    List<byte[]> seeds = new ArrayList<>();
    for (int i = 0; i < NAMES.size(); i++) {
      byte[] content = contents.get(i);
      byte[] seed = new byte[1 + content.length];
      seed[0] = (byte) i;
      System.arraycopy(content, 0, seed, 1, content.length);
      seeds.add(seed);
    }
    return seeds;
  }
}
