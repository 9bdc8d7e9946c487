package org.tokenformer.tokenizer.dataset;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The two forms of Arrow IPC, detected by their first bytes. Does not load Arrow classes. */
enum IpcFormat {
  /** Begins and ends with a magic number and has a footer that lists its batches. */
  FILE,
  /** A plain sequence of messages. */
  STREAM;

  /** Number of bytes that identify the form. */
  static final int START = 8;

  /** The int32 that begins each message; no UTF-8 text can begin with its bytes. */
  static final int CONTINUATION = -1;

  private static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);

  /** Returns the magic that ends a file and, zero-padded to {@link #START} bytes, begins it. */
  static byte[] magic() {
    return MAGIC.clone();
  }

  /** Returns the form of a file with these first bytes, or null if it is not Arrow. */
  static @Nullable IpcFormat of(byte[] start) {
    if (start.length < START) {
      return null;
    }
    if (Arrays.equals(start, Arrays.copyOf(MAGIC, START))) {
      return FILE;
    }
    boolean marked = (start[0] & start[1] & start[2] & start[3]) == CONTINUATION;
    return marked ? STREAM : null;
  }
}
