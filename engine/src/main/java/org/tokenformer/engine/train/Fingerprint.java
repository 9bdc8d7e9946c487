package org.tokenformer.engine.train;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.tokenformer.engine.checkpoint.Sha256;

/**
 * Identifies a stream of ids by a SHA-256 of its length and its ids; for a long stream, of equally
 * spaced pieces only.
 */
final class Fingerprint {
  private static final int PIECE = 1 << 10;
  private static final int PIECES = 1 << 12;

  private Fingerprint() {}

  static String of(TokenSource data) {
    Sha256 digest = new Sha256();
    int[] ids = new int[PIECE];
    ByteBuffer bytes = ByteBuffer.allocate(PIECE * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    long size = data.size();
    digest.update(bytes.putLong(size).flip());
    long distance = Math.max(PIECE, size / PIECES);
    for (long from = 0; from < size; from += distance) {
      int count = (int) Math.min(PIECE, size - from);
      data.read(from, ids, 0, count);
      bytes.clear().asIntBuffer().put(ids, 0, count);
      digest.update(bytes.limit(count * Integer.BYTES));
    }
    return digest.hex();
  }
}
