package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Valid files with random damage: they open, or fail with a {@link CheckpointException} of one
 * line. No other exception may be thrown, not even an OutOfMemoryError (try {@code
 * -Dtest.jvm.args=-Xmx48m}), and every file that opens can be read to the last byte. {@code
 * -Dtokenformer.fuzz=N} runs N times as many rounds.
 */
class CheckpointFuzzTest {
  private static final int FACTOR = Integer.getInteger("tokenformer.fuzz", 1);
  private static final Duration TIME_LIMIT = Duration.ofSeconds(60L * FACTOR);

  private interface Opener {
    void open(byte[] bytes) throws IOException;
  }

  @TempDir Path folder;

  private void fuzz(byte[] good, int rounds, byte[][] words, Opener opener) {
    Random random = Seeds.random();
    assertTimeoutPreemptively(
        TIME_LIMIT,
        () -> {
          int opened = 0;
          for (int i = 0; i < FACTOR * rounds; i++) {
            byte[] bytes = damage(good, words, random);
            try {
              opener.open(bytes);
              opened++;
            } catch (CheckpointException e) {
              assertEquals(1, String.valueOf(e.getMessage()).lines().count(), e.getMessage());
            } catch (Throwable e) {
              fail(e + " in round " + i + ": " + HexFormat.of().formatHex(bytes), e);
            }
          }
          System.out.println("opened " + opened + " of " + FACTOR * rounds);
        });
  }

  /** Applies one to four changes, some of them with critical numbers and words. */
  private static byte[] damage(byte[] good, byte[][] words, Random random) {
    byte[] bytes = good.clone();
    int changes = 1 + random.nextInt(4);
    for (int i = 0; i < changes && bytes.length > 8; i++) {
      int at = random.nextInt(bytes.length);
      switch (random.nextInt(7)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt(256);
        case 2 -> {
          int width = Math.min(1 << random.nextInt(4), bytes.length - at);
          Arrays.fill(bytes, at, at + width, (byte) (random.nextBoolean() ? 0xff : 0));
        }
        case 3 -> bytes = Arrays.copyOf(bytes, at);
        case 4 -> bytes = splice(bytes, at, words[random.nextInt(words.length)], 0);
        case 5 -> {
          byte[] word = words[random.nextInt(words.length)];
          bytes = splice(bytes, at, word, Math.min(word.length, bytes.length - at));
        }
        default -> {
          int from = random.nextInt(bytes.length);
          int length = random.nextInt(Math.min(64, bytes.length - from) + 1);
          bytes = splice(bytes, at, Arrays.copyOfRange(bytes, from, from + length), 0);
        }
      }
    }
    return bytes;
  }

  /** Returns the bytes with {@code replaced} of them replaced by a word. */
  private static byte[] splice(byte[] bytes, int at, byte[] word, int replaced) {
    byte[] out = Arrays.copyOf(bytes, bytes.length + word.length - replaced);
    System.arraycopy(word, 0, out, at, word.length);
    System.arraycopy(bytes, at + replaced, out, at + word.length, bytes.length - at - replaced);
    return out;
  }

  private static byte[][] words(String... texts) {
    return Arrays.stream(texts)
        .map(t -> t.getBytes(StandardCharsets.ISO_8859_1))
        .toArray(byte[][]::new);
  }

  @Test
  void safetensors() throws IOException {
    byte[] good = Files.readAllBytes(Fixtures.golden("dtypes.safetensors"));
    int headerEnd = 8 + (int) MemorySegment.ofArray(good).get(Segments.LONG, 0);
    // Damages the header alone, with its length kept correct: otherwise nearly all fail on that.
    byte[] header = Arrays.copyOfRange(good, 8, headerEnd);
    byte[][] words =
        words("0", "-1", "1e9", ",", "[", "]", "{", "}", "\"", "\\u", ":", "F64", "null", "\u00ff");
    Path path = folder.resolve("fuzz.safetensors");
    fuzz(
        header,
        1500,
        words,
        bytes -> {
          byte[] whole = new byte[8 + bytes.length + good.length - headerEnd];
          MemorySegment.ofArray(whole).set(Segments.LONG, 0, bytes.length);
          System.arraycopy(bytes, 0, whole, 8, bytes.length);
          System.arraycopy(good, headerEnd, whole, 8 + bytes.length, good.length - headerEnd);
          open(Files.write(path, whole), false);
        });
    fuzz(good, 500, words, bytes -> open(Files.write(path, bytes), false));
  }

  @Test
  void archives() throws IOException {
    byte[][] words = words("PK\3\4", "PK\1\2", "PK\5\6", "PK\6\6", "PK\6\7", "PK\7\b", "../", "/");
    Path path = folder.resolve("fuzz.bin");
    for (String name : new String[] {"views.bin", "no-checksums.bin", "deflated.bin"}) {
      byte[] good = Files.readAllBytes(Fixtures.golden(name));
      fuzz(good, 1000, words, bytes -> open(Files.write(path, bytes), true));
    }
  }

  @Test
  void pickles() throws IOException {
    byte[][] words =
        words(
            "(",
            "t",
            "\u0085",
            "\u0086",
            "\u0087",
            ")",
            "]",
            "}",
            "a",
            "e",
            "s",
            "u",
            "q\0",
            "h\0",
            "R",
            "b",
            "Q",
            "N",
            "K\1",
            "J\u00ff\u00ff\u00ff\u007f",
            "\u008a\b\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u007f",
            "cos\nsystem\n",
            "X",
            ".");
    Path path = folder.resolve("fuzz.bin");
    for (String name : new String[] {"views", "protocol4"}) {
      try (FileBytes file = FileBytes.open(Fixtures.golden(name + ".bin"), LoadMode.MAP)) {
        ZipArchive archive = Objects.requireNonNull(ZipArchive.read(file.path(), file.bytes()));
        byte[] good = null;
        for (ZipArchive.Entry entry : archive.entries().values()) {
          if (entry.name().endsWith("data.pkl")) {
            good = entry.stored().toArray(ValueLayout.JAVA_BYTE);
          }
        }
        // A new archive has correct checksums.
        fuzz(
            Objects.requireNonNull(good),
            1500,
            words,
            bytes -> {
              byte[] whole =
                  Fixtures.bytesOf(out -> {
                    ZipWriter zip = new ZipWriter(out);
                    for (ZipArchive.Entry entry : archive.entries().values()) {
                      boolean pickle = entry.name().endsWith("data.pkl");
                      zip.add(entry.name(), pickle ? MemorySegment.ofArray(bytes) : entry.stored());
                    }
                    zip.finish();
                  });
              open(Files.write(path, whole), true);
            });
      }
    }
  }

  private void open(Path path, boolean torch) throws IOException {
    try (Checkpoint checkpoint =
        torch ? TorchCheckpoint.open(path, LoadMode.COPY) : SafetensorsFile.open(path)) {
      for (NamedTensor tensor : checkpoint.tensors().values()) {
        assertEquals(tensor.shape().bytes(tensor.dtype()), tensor.data().byteSize());
        Segments.crc32(tensor.data()); // touches every byte
      }
    }
  }
}
