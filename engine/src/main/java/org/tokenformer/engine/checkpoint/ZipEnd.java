package org.tokenformer.engine.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/**
 * The end record of a zip archive: the location of its directory and the number of entries.
 *
 * @param entries number of entries
 * @param offset start of the directory
 * @param end end of the directory, at most the size of the file
 * @see <a href="https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT">APPNOTE, 4.3.14-16</a>
 */
record ZipEnd(long entries, long offset, long end) {
  static final int SIGNATURE = 0x06054b50;
  static final int SIZE = 22;
  static final int LOCATOR_SIGNATURE = 0x07064b50;
  static final int LOCATOR_SIZE = 20;
  static final int ZIP64_SIGNATURE = 0x06064b50;
  static final int ZIP64_SIZE = 56;

  /**
   * Finds the end records; returns null if the file has none and so is not a zip archive. As in
   * torch, the last one within 64 kB of the end counts, whatever follows it: a comment, or padding
   * that a copy to another medium appended.
   */
  static @Nullable ZipEnd find(Path path, MemorySegment bytes) throws CheckpointException {
    long last = bytes.byteSize() - SIZE;
    for (long at = last; at >= Math.max(0, last - 0xffff); at--) {
      if (bytes.get(Segments.INT, at) == SIGNATURE) {
        return read(path, bytes, at);
      }
    }
    return null;
  }

  private static ZipEnd read(Path path, MemorySegment bytes, long at) throws CheckpointException {
    int entries = Segments.u16(bytes, at + 10);
    long size = Segments.u32(bytes, at + 12);
    long offset = Segments.u32(bytes, at + 16);
    if (Segments.u16(bytes, at + 4) != 0 || Segments.u16(bytes, at + 6) != 0) {
      throw bad(path, "it is split across several disks");
    }
    if (Segments.u16(bytes, at + 8) != entries) {
      throw bad(path, "its two counts of entries differ");
    }
    long locator = at - LOCATOR_SIZE;
    if (locator >= 0 && bytes.get(Segments.INT, locator) == LOCATOR_SIGNATURE) {
      ZipEnd end = readZip64(path, bytes, locator);
      // Each short field is either the same number or all ones, which refers to the long field.
      boolean agree =
          (entries == 0xffff || entries == end.entries)
              && (size == 0xffffffffL || size == end.end - end.offset)
              && (offset == 0xffffffffL || offset == end.offset);
      if (!agree) {
        throw bad(path, "its two end records differ");
      }
      return end;
    }
    return checked(path, entries, offset, size, at);
  }

  private static ZipEnd readZip64(Path path, MemorySegment bytes, long locator)
      throws CheckpointException {
    long at = Segments.i64(bytes, locator + 8);
    if (at < 0
        || at > locator - ZIP64_SIZE
        || bytes.get(Segments.INT, at) != ZIP64_SIGNATURE
        || Segments.i64(bytes, at + 4) != locator - at - 12) {
      throw bad(path, "its zip64 end record is missing or invalid");
    }
    long entries = Segments.i64(bytes, at + 32);
    if (Segments.i64(bytes, at + 24) != entries) {
      throw bad(path, "its two counts of entries differ");
    }
    long size = Segments.i64(bytes, at + 40);
    return checked(path, entries, Segments.i64(bytes, at + 48), size, at);
  }

  private static ZipEnd checked(Path path, long entries, long offset, long size, long at)
      throws CheckpointException {
    if (offset < 0 || size < 0 || offset > at || size != at - offset) {
      throw bad(
          path,
          "directory of %s bytes at offset %s must end at %d"
              .formatted(Long.toUnsignedString(size), Long.toUnsignedString(offset), at));
    }
    if (entries < 0 || entries > ZipArchive.MAX_ENTRIES) {
      throw new CheckpointException(
          Kind.LIMIT,
          path,
          "archive claims %s entries, but at most %d are allowed"
              .formatted(Long.toUnsignedString(entries), ZipArchive.MAX_ENTRIES));
    }
    return new ZipEnd(entries, offset, at);
  }

  private static CheckpointException bad(Path path, String what) {
    return new CheckpointException(
        Kind.BAD_ZIP, path, "zip archive is broken: " + what + "; copy or download it again");
  }
}
