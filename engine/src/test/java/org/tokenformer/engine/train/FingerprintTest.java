package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.junit.jupiter.api.Test;

/** Fingerprints are reproducible and differ between streams. */
final class FingerprintTest {
  @Test
  void isTheSha256OfSizeAndIds() {
    // python: hashlib.sha256(struct.pack("<q3i", 3, 1, 2, 300)).hexdigest()
    assertEquals(
        "9c687276a16cc6654ffebb379a5b0475c1a186b0cfe2e6d6910cc54aeb1ba06c",
        Fingerprint.of(TokenSource.of(1, 2, 300)));
  }

  @Test
  void everyIdOfAShortStreamCounts() {
    int[] ids = Runs.pattern(5000, 1);
    TokenSource data = TokenSource.of(ids);
    String before = Fingerprint.of(data);
    assertEquals(before, Fingerprint.of(TokenSource.of(Runs.pattern(5000, 1))));
    for (int i = 0; i < 5000; i += 7) {
      ids[i]++;
      assertNotEquals(before, Fingerprint.of(data), "id " + i);
      ids[i]--;
    }
    assertNotEquals(before, Fingerprint.of(TokenSource.of(Runs.pattern(4999, 1))));
  }

  @Test
  void aLongStreamIsSampled() {
    long size = 1L << 40;
    long[] asked = new long[1];
    String hash = Fingerprint.of(stream(size, asked, 0));
    assertEquals(1L << 22, asked[0]);
    assertNotEquals(hash, Fingerprint.of(stream(size, asked, 1)));
    assertNotEquals(hash, Fingerprint.of(stream(size + 1, asked, 0)));
  }

  private static TokenSource stream(long size, long[] asked, int more) {
    return new TokenSource() {
      @Override
      public long size() {
        return size;
      }

      @Override
      public void read(long from, int[] to, int offset, int count) {
        asked[0] += count;
        for (int i = 0; i < count; i++) {
          to[offset + i] = (int) (from >>> 10) + i + more;
        }
      }
    };
  }
}
