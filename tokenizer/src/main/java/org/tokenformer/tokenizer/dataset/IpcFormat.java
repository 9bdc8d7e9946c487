package org.tokenformer.tokenizer.dataset;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** The two forms of Arrow IPC, told by their first bytes. Loads nothing of Arrow itself. */
enum IpcFormat {
  /** Begins and ends with a magic, has a footer that lists its batches. */
  FILE,
  /** One message after the other. */
  STREAM;

  /** Bytes that tell the form. */
  static final int START = 8;

  /** Begins a message, as an int32 of -1, which no text in UTF-8 can begin with. */
  static final int CONTINUATION = -1;

  private static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.US_ASCII);

  /** Ends a file; begins it as well, padded with zeros to {@link #START} bytes. */
  static byte[] magic() {
    return MAGIC.clone();
  }

  /** The form of a file that starts so; null if it is not Arrow. */
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
