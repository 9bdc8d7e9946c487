package org.tokenformer.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.tokenformer.engine.tensor.DType;

/** A SHA-256 digest that is computed incrementally. */
public final class Sha256 {
  private static final int CHUNK = 1 << 18;

  private final MessageDigest digest;

  /** Starts an empty digest. */
  public Sha256() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JVM has SHA-256", e);
    }
  }

  /** Adds the remaining bytes of a buffer. */
  public void update(ByteBuffer bytes) {
    digest.update(bytes);
  }

  /** Adds a string as UTF-8. */
  public void update(String text) {
    digest.update(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Adds the elements of a tensor of any floating-point type as F32, little-endian. */
  public void updateAsF32(NamedTensor tensor) {
    int width = tensor.dtype().bytes();
    long count = tensor.shape().elements();
    byte[] bytes = new byte[(int) Math.min(CHUNK, count) * Float.BYTES];
    for (long from = 0; from < count; from += CHUNK) {
      int chunk = (int) Math.min(CHUNK, count - from);
      MemorySegment floats = MemorySegment.ofArray(bytes).asSlice(0, (long) chunk * Float.BYTES);
      MemorySegment source = tensor.data().asSlice(from * width, (long) chunk * width);
      FloatConversion.convert(tensor.dtype(), source, DType.F32, floats);
      digest.update(bytes, 0, chunk * Float.BYTES);
    }
  }

  /** Returns the digest as 64 hexadecimal digits and resets it. */
  public String hex() {
    return HexFormat.of().formatHex(digest.digest());
  }
}
