package org.tokenformer.engine.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;

/** A channel that accepts a fixed number of bytes and then fails like a full disk. */
final class FullDisk implements WritableByteChannel {
  private final WritableByteChannel out;
  private int room;

  FullDisk(WritableByteChannel out, int room) {
    this.out = out;
    this.room = room;
  }

  @Override
  public int write(ByteBuffer bytes) throws IOException {
    if (room == 0) {
      throw new IOException("No space left on device");
    }
    ByteBuffer fits = bytes.slice(bytes.position(), Math.min(room, bytes.remaining()));
    int written = out.write(fits);
    bytes.position(bytes.position() + written);
    room -= written;
    return written;
  }

  @Override
  public boolean isOpen() {
    return out.isOpen();
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
