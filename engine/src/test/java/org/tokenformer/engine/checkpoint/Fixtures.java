package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.function.Executable;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** What the tests of this package share. */
final class Fixtures {
  private Fixtures() {}

  /** Returns the path of a file in {@code testdata/checkpoint}, see the README there. */
  static Path golden(String name) {
    return Path.of(System.getProperty("project.root", ".."), "testdata", "checkpoint", name);
  }

  /** Returns a safetensors file with this header and {@code dataBytes} zero bytes. */
  static byte[] safetensors(String header, int dataBytes) {
    byte[] utf8 = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + utf8.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    return bytes.putLong(utf8.length).put(utf8).array();
  }

  static NamedTensor floats(String name, Shape shape, float... values) {
    byte[] bytes = new byte[4 * values.length];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values);
    return new NamedTensor(name, DType.F32, shape, MemorySegment.ofArray(bytes));
  }

  /** Returns the bytes that a writer would write to a file. */
  static byte[] bytesOf(AtomicFiles.Writer writer) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    writer.write(Channels.newChannel(out));
    return out.toByteArray();
  }

  /** Fails unless this kind is thrown, with a one-line message that contains all parts. */
  static void refuses(Kind kind, Executable action, String... parts) {
    CheckpointException e = assertThrows(CheckpointException.class, action);
    String message = String.valueOf(e.getMessage());
    assertEquals(kind, e.kind(), message);
    assertEquals(1, message.lines().count(), message);
    for (String part : parts) {
      assertTrue(message.contains(part), message + " names no " + part);
    }
  }

  static void assertSameTensors(
      SequencedMap<String, NamedTensor> expected, SequencedMap<String, NamedTensor> actual) {
    assertFalse(expected.isEmpty());
    // safetensors files are sorted by element size and name.
    assertEquals(expected.keySet(), actual.keySet());
    for (NamedTensor tensor : expected.values()) {
      NamedTensor other = Objects.requireNonNull(actual.get(tensor.name()));
      assertEquals(tensor.dtype(), other.dtype(), tensor.name());
      assertEquals(tensor.shape(), other.shape(), tensor.name());
      assertEquals(-1, tensor.data().mismatch(other.data()), tensor.name());
    }
  }

  static byte[] toArray(NamedTensor tensor) {
    return tensor.data().toArray(ValueLayout.JAVA_BYTE);
  }

  static List<String> filesIn(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(f -> f.getFileName().toString()).sorted().toList();
    }
  }
}
