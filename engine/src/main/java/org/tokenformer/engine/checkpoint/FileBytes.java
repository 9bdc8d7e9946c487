package org.tokenformer.engine.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/**
 * A whole file as one read-only segment.
 *
 * @param path the file
 * @param bytes the whole file, 64-byte aligned, so that offsets in the file determine alignment
 * @param arena owns the bytes; shared, closed by {@link #close}
 */
record FileBytes(Path path, MemorySegment bytes, Arena arena) implements AutoCloseable {
  private static final long COPY_STEP = 1L << 26;

  @SuppressWarnings("MustBeClosedChecker") // the arena lives as long as the result, which closes it
  static FileBytes open(Path path, LoadMode mode) throws CheckpointException {
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      // Reading a pipe would block, and a device has no end.
      String is = Files.isDirectory(path) ? "is a folder" : "is not a regular file";
      throw new CheckpointException(Kind.CANNOT_READ, path, is + "; specify a checkpoint file");
    }
    Arena arena = Arena.ofShared();
    boolean done = false;
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment bytes =
          mode == LoadMode.MAP
              ? channel.map(MapMode.READ_ONLY, 0, channel.size(), arena)
              : copy(path, channel, channel.size(), arena);
      done = true;
      return new FileBytes(path, bytes.asReadOnly(), arena);
    } catch (CheckpointException e) {
      throw e;
    } catch (IOException e) {
      throw new CheckpointException(
          Kind.CANNOT_READ, path, "cannot read: " + CheckpointException.reason(e), e);
    } finally {
      if (!done) {
        arena.close();
      }
    }
  }

  /** Copies the first {@code size} bytes of a file, which may be shorter by now. */
  static MemorySegment copy(Path path, FileChannel channel, long size, Arena arena)
      throws IOException {
    MemorySegment bytes = allocate(path, arena, size);
    long position = 0;
    while (position < size) {
      ByteBuffer step =
          bytes.asSlice(position, Math.min(COPY_STEP, size - position)).asByteBuffer();
      int read = channel.read(step, position);
      if (read < 0) {
        throw new CheckpointException(
            Kind.FILE_CHANGED,
            path,
            "had %d bytes but ended at byte %d while being read; try again when it is complete"
                .formatted(size, position));
      }
      position += read;
    }
    return bytes;
  }

  /** Allocates memory in the file's arena, 64-byte aligned and freed with the file. */
  MemorySegment allocate(long size) throws CheckpointException {
    return allocate(path, arena, size);
  }

  private static MemorySegment allocate(Path path, Arena arena, long size)
      throws CheckpointException {
    try {
      return arena.allocate(size, 64);
    } catch (OutOfMemoryError e) {
      throw new CheckpointException(
          Kind.CANNOT_READ,
          path,
          "not enough memory to copy %d bytes; map the file, or raise -XX:MaxDirectMemorySize"
              .formatted(size),
          e);
    }
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
