package org.tokenformer.cli.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.tokenformer.engine.checkpoint.Checkpoint;
import org.tokenformer.engine.checkpoint.CheckpointException;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.SafetensorsFile;
import org.tokenformer.engine.checkpoint.TorchCheckpoint;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.tokenizer.Tokenizer;

/**
 * The Java side of {@code bench/fuzz/differential.py}: {@code Differential KIND CASES [TOKENIZER]}
 * reads cases, each a length (four bytes, big-endian) and that many bytes, and prints a line for
 * each: the ids of a text; the SHA-256 of all tensors of a checkpoint, or why it is rejected.
 */
public final class Differential {
  private interface Reader {
    String read(byte[] bytes) throws IOException;
  }

  private Differential() {}

  /** Prints a line for each case. */
  public static void main(String[] args) throws IOException {
    Reader reader = reader(args);
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(Path.of(args[1]))))) {
      while (in.available() > 0) {
        System.out.println(reader.read(in.readNBytes(in.readInt())));
      }
    }
  }

  private static Reader reader(String[] args) throws IOException {
    Path file = Files.createTempFile("differential", ".bin");
    file.toFile().deleteOnExit();
    return switch (args[0]) {
      case "tokenizer" -> {
        Tokenizer tokenizer = Tokenizer.load(Path.of(args[2]));
        yield bytes -> Arrays.toString(tokenizer.encode(new String(bytes, UTF_8)));
      }
      case "safetensors" -> bytes -> hash(Files.write(file, bytes), false);
      case "torch" -> bytes -> hash(Files.write(file, bytes), true);
      default -> throw new IllegalArgumentException(args[0]);
    };
  }

  private static String hash(Path file, boolean torch) throws IOException {
    try (Checkpoint opened = torch ? TorchCheckpoint.open(file) : SafetensorsFile.open(file)) {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (NamedTensor tensor : new TreeMap<>(opened.tensors()).values()) {
        Shape sizes = tensor.shape();
        long[] all = IntStream.range(0, sizes.rank()).mapToLong(sizes::size).toArray();
        String shape = Arrays.toString(all).replace(" ", "");
        digest.update((tensor.name() + "\0" + tensor.dtype() + shape + "\0").getBytes(UTF_8));
        digest.update(tensor.data().toArray(ValueLayout.JAVA_BYTE));
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (CheckpointException e) {
      return "rejected: "
          + e.kind()
          + ": "
          + String.valueOf(e.getMessage()).replace("" + file, "x");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
