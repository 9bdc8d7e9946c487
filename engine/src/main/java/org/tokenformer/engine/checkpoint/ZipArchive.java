package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/**
 * A zip archive in memory. The data of a stored entry is a slice of the file; deflated entries,
 * which {@code torch.save} does not write but zip programs do, are inflated when they are read.
 *
 * <p>{@code java.util.zip} offers only streams, and trusts one of the two descriptions that the
 * format keeps of each entry. Here both are read and must agree, entries may not overlap, and names
 * may not lead outside the archive, although nothing is ever unpacked.
 *
 * @see <a href="https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT">APPNOTE, 4.3</a>
 */
final class ZipArchive {
  static final int MAX_ENTRIES = 1 << 20;
  static final int LOCAL_SIGNATURE = 0x04034b50;
  static final int LOCAL_SIZE = 30;
  static final int DESCRIPTOR_SIGNATURE = 0x08074b50;
  static final int DIRECTORY_SIGNATURE = 0x02014b50;
  static final int DIRECTORY_SIZE = 46;
  static final int ZIP64_EXTRA = 1;
  static final int FLAG_DESCRIPTOR = 1 << 3;
  static final int FLAG_UTF8 = 1 << 11;
  private static final int FLAGS_ENCRYPTED = 1 | 1 << 6 | 1 << 13;
  private static final long LONG_FIELD = 0xffffffffL;
  private static final int MAX_NAME = 1024;
  private static final int DEFLATED = 8;

  /** Deflate emits at most 258 bytes for two bits. */
  private static final long MAX_RATIO = 1032;

  private static final int INFLATE_STEP = 1 << 16;

  /**
   * An entry.
   *
   * @param header offset of its local header
   * @param stored its bytes in the file
   * @param size number of bytes of its data
   * @param deflated whether {@code stored} must be inflated to get the data
   * @param end offset of the end of its data, including the descriptor that may follow
   */
  record Entry(
      String name,
      long header,
      MemorySegment stored,
      long size,
      boolean deflated,
      long end,
      int crc) {
    /**
     * Returns whether a checksum was recorded. {@code torch.save} can be configured to omit
     * checksums and then writes zeros.
     */
    boolean hasCrc() {
      return crc != 0 || size == 0;
    }
  }

  private final Path path;
  private final MemorySegment bytes;
  private final SequencedMap<String, Entry> entries = new LinkedHashMap<>();

  private ZipArchive(Path path, MemorySegment bytes) {
    this.path = path;
    this.bytes = bytes;
  }

  /** Reads and checks the directory and all local headers; null if this is not a zip archive. */
  static @Nullable ZipArchive read(Path path, MemorySegment bytes) throws CheckpointException {
    ZipEnd end = ZipEnd.find(path, bytes);
    if (end == null) {
      return null;
    }
    ZipArchive archive = new ZipArchive(path, bytes);
    archive.readDirectory(end);
    archive.checkOverlaps();
    return archive;
  }

  SequencedMap<String, Entry> entries() {
    return entries;
  }

  /** Allocates memory, or refuses to. */
  @FunctionalInterface
  interface Allocator {
    MemorySegment allocate(long bytes) throws CheckpointException;
  }

  /**
   * Returns an entry's data after comparing it with its checksum, if one was recorded: a slice of
   * the file, or new memory if the entry is deflated.
   */
  MemorySegment read(Entry entry, Allocator memory) throws CheckpointException {
    MemorySegment data = entry.stored;
    if (entry.deflated) {
      data = memory.allocate(entry.size);
      inflate(entry, data);
    }
    int crc = entry.hasCrc() ? Segments.crc32(data) : entry.crc;
    if (crc != entry.crc) {
      throw new CheckpointException(
          Kind.CRC_MISMATCH,
          path,
          "archive entry %s has checksum %08x, but %08x was recorded; copy or download it again"
              .formatted(quote(entry.name), crc, entry.crc));
    }
    return data;
  }

  private void inflate(Entry entry, MemorySegment target) throws CheckpointException {
    Inflater inflater = new Inflater(true);
    long end;
    try {
      end = inflate(inflater, entry.stored, target);
    } catch (DataFormatException e) {
      throw new CheckpointException(
          Kind.BAD_ZIP,
          path,
          "compressed data of archive entry %s is damaged; copy or download it again"
              .formatted(quote(entry.name)),
          e);
    } finally {
      inflater.end();
    }
    if (end != entry.size) {
      throw new CheckpointException(
          Kind.SIZE_MISMATCH,
          path,
          "archive entry %s should have %d bytes, but inflates to %s"
              .formatted(quote(entry.name), entry.size, end < entry.size ? end : "more"));
    }
  }

  /** Returns the number of bytes written, or more than the target has if it is too small. */
  private static long inflate(Inflater inflater, MemorySegment source, MemorySegment target)
      throws DataFormatException {
    byte[] in = new byte[INFLATE_STEP];
    byte[] out = new byte[INFLATE_STEP];
    long from = 0;
    long to = 0;
    while (!inflater.finished()) {
      int given = (int) Math.min(in.length, source.byteSize() - from);
      if (inflater.needsInput() && given > 0) {
        MemorySegment.copy(source, ValueLayout.JAVA_BYTE, from, in, 0, given);
        inflater.setInput(in, 0, given);
        from += given;
      }
      int count = inflater.inflate(out);
      if (count == 0 && !inflater.finished() && (given == 0 || !inflater.needsInput())) {
        return to; // it ends early, or requires a dictionary
      }
      if (count > target.byteSize() - to) {
        return to + count;
      }
      MemorySegment.copy(out, 0, target, ValueLayout.JAVA_BYTE, to, count);
      to += count;
    }
    return to;
  }

  private void readDirectory(ZipEnd end) throws CheckpointException {
    long at = end.offset();
    for (long i = 0; i < end.entries(); i++) {
      if (end.end() - at < DIRECTORY_SIZE || bytes.get(Segments.INT, at) != DIRECTORY_SIGNATURE) {
        throw bad("directory has no entry %d of %d".formatted(i + 1, end.entries()));
      }
      DirectoryRecord record = new DirectoryRecord(bytes, at, end.end());
      if (record.end > end.end()) {
        throw bad("directory entry %d extends beyond the directory".formatted(i + 1));
      }
      Entry entry = entry(record, end.offset());
      if (entries.putIfAbsent(entry.name, entry) != null) {
        throw new CheckpointException(
            Kind.DUPLICATE_NAME, path, "archive has entry %s twice".formatted(quote(entry.name)));
      }
      at = record.end;
    }
    if (at != end.end()) {
      throw bad("directory continues after its %d entries".formatted(end.entries()));
    }
  }

  /** One record of the central directory, with its zip64 numbers resolved. */
  private static final class DirectoryRecord {
    final MemorySegment bytes;
    final long nameAt;
    final int nameLength;
    final long end;
    final int flags;
    final int method;
    final int crc;
    long size;
    long stored;
    long header;
    boolean complete = true;

    DirectoryRecord(MemorySegment bytes, long at, long limit) {
      this.bytes = bytes;
      flags = Segments.u16(bytes, at + 8);
      method = Segments.u16(bytes, at + 10);
      crc = bytes.get(Segments.INT, at + 16);
      stored = Segments.u32(bytes, at + 20);
      size = Segments.u32(bytes, at + 24);
      header = Segments.u32(bytes, at + 42);
      nameAt = at + DIRECTORY_SIZE;
      nameLength = Segments.u16(bytes, at + 28);
      int extraLength = Segments.u16(bytes, at + 30);
      long extraAt = nameAt + nameLength;
      end = extraAt + extraLength + Segments.u16(bytes, at + 32);
      if (end <= limit) {
        resolve(extraAt, extraAt + extraLength);
      }
    }

    /** Reads the zip64 field, which holds, in this order, those numbers that are all ones here. */
    private void resolve(long extraAt, long extraEnd) {
      if (size != LONG_FIELD && stored != LONG_FIELD && header != LONG_FIELD) {
        return;
      }
      long at = findExtra(bytes, extraAt, extraEnd);
      long next = at + 4;
      long fieldEnd = at < 0 ? 0 : next + Segments.u16(bytes, at + 2);
      long[] numbers = {size, stored, header};
      for (int i = 0; i < 3; i++) {
        if (numbers[i] == LONG_FIELD) {
          if (at < 0 || next + 8 > fieldEnd) {
            complete = false;
            return;
          }
          numbers[i] = Segments.i64(bytes, next);
          next += 8;
        }
      }
      size = numbers[0];
      stored = numbers[1];
      header = numbers[2];
    }
  }

  /** Returns the offset of the zip64 field among the extra fields, or -1 if none is complete. */
  private static long findExtra(MemorySegment bytes, long at, long end) {
    long field = at;
    while (field + 4 <= end) {
      long next = field + 4 + Segments.u16(bytes, field + 2);
      if (next > end) {
        return -1;
      }
      if (Segments.u16(bytes, field) == ZIP64_EXTRA) {
        return field;
      }
      field = next;
    }
    return -1;
  }

  private Entry entry(DirectoryRecord record, long directory) throws CheckpointException {
    String name = name(record);
    String quoted = quote(name);
    if ((record.flags & FLAGS_ENCRYPTED) != 0) {
      throw new CheckpointException(
          Kind.ENCRYPTED_ENTRY,
          path,
          "archive entry %s is encrypted, which is not supported".formatted(quoted));
    }
    boolean deflated = record.method == DEFLATED;
    if (record.method != 0 && !deflated) {
      throw new CheckpointException(
          Kind.COMPRESSED_ENTRY,
          path,
          "archive entry %s is compressed (method %d); unpack the file and repack it with 'zip -0'"
              .formatted(quoted, record.method));
    }
    if (!record.complete) {
      throw bad("entry %s lacks its zip64 sizes".formatted(quoted));
    }
    if (deflated && record.stored >= 0 && record.size / MAX_RATIO > record.stored) {
      throw new CheckpointException(
          Kind.SIZE_MISMATCH,
          path,
          "archive entry %s claims that %d bytes inflate to %d, which is impossible"
              .formatted(quoted, record.stored, record.size));
    }
    if (!deflated && record.size != record.stored) {
      throw new CheckpointException(
          Kind.SIZE_MISMATCH,
          path,
          "archive entry %s is not compressed, but has %s bytes stored as %s"
              .formatted(
                  quoted,
                  Long.toUnsignedString(record.size),
                  Long.toUnsignedString(record.stored)));
    }
    if (record.header < 0 || record.header > directory - LOCAL_SIZE) {
      throw outOfBounds(quoted, record.header, LOCAL_SIZE, directory);
    }
    long data =
        record.header
            + LOCAL_SIZE
            + Segments.u16(bytes, record.header + 26)
            + Segments.u16(bytes, record.header + 28);
    if (record.size < 0) {
      throw outOfBounds(quoted, data, record.size, directory);
    }
    if (data > directory || record.stored < 0 || record.stored > directory - data) {
      throw outOfBounds(quoted, data, record.stored, directory);
    }
    checkLocalHeader(record, quoted);
    long end = data + record.stored;
    if ((record.flags & FLAG_DESCRIPTOR) != 0) {
      end = checkDescriptor(record, quoted, end, directory);
    }
    MemorySegment stored = bytes.asSlice(data, record.stored);
    return new Entry(name, record.header, stored, record.size, deflated, end, record.crc);
  }

  private void checkLocalHeader(DirectoryRecord record, String quoted) throws CheckpointException {
    long at = record.header;
    if (bytes.get(Segments.INT, at) != LOCAL_SIGNATURE) {
      throw mismatch(quoted, "there is no header at byte " + at);
    }
    int nameLength = Segments.u16(bytes, at + 26);
    MemorySegment local = bytes.asSlice(at + LOCAL_SIZE, nameLength);
    if (local.mismatch(bytes.asSlice(record.nameAt, record.nameLength)) != -1) {
      throw mismatch(quoted, "its local header has a different name");
    }
    if (Segments.u16(bytes, at + 6) != record.flags
        || Segments.u16(bytes, at + 8) != record.method) {
      throw mismatch(quoted, "its local header has different flags or a different method");
    }
    boolean later = (record.flags & FLAG_DESCRIPTOR) != 0;
    int crc = bytes.get(Segments.INT, at + 14);
    long stored = Segments.u32(bytes, at + 18);
    long size = Segments.u32(bytes, at + 22);
    if (stored == LONG_FIELD && size == LONG_FIELD) {
      long extraAt = at + LOCAL_SIZE + nameLength;
      long field = findExtra(bytes, extraAt, extraAt + Segments.u16(bytes, at + 28));
      if (field >= 0 && Segments.u16(bytes, field + 2) >= 16) {
        size = Segments.i64(bytes, field + 4);
        stored = Segments.i64(bytes, field + 12);
      }
    }
    // If a descriptor follows the data, the numbers in the header may be zero.
    boolean agree =
        (crc == record.crc || (later && crc == 0))
            && (size == record.size || (later && size == 0))
            && (stored == record.stored || (later && stored == 0));
    if (!agree) {
      throw mismatch(
          quoted,
          "its local header has %s bytes and checksum %08x, the directory %d and %08x"
              .formatted(Long.toUnsignedString(size), crc, record.size, record.crc));
    }
  }

  /** Returns the end of the descriptor, whose sizes have four or eight bytes each. */
  private long checkDescriptor(DirectoryRecord record, String quoted, long at, long directory)
      throws CheckpointException {
    if (record.size == 0 && record.crc == 0 && !isDescriptor(at, directory)) {
      return at;
    }
    if (isDescriptor(at, directory) && bytes.get(Segments.INT, at + 4) == record.crc) {
      if (Segments.u32(bytes, at + 8) == record.stored
          && Segments.u32(bytes, at + 12) == record.size) {
        return at + 16;
      }
      if (directory - at >= 24
          && Segments.i64(bytes, at + 8) == record.stored
          && Segments.i64(bytes, at + 16) == record.size) {
        return at + 24;
      }
    }
    throw mismatch(quoted, "the descriptor after its data differs from the directory");
  }

  private boolean isDescriptor(long at, long directory) {
    return directory - at >= 16 && bytes.get(Segments.INT, at) == DESCRIPTOR_SIGNATURE;
  }

  private String name(DirectoryRecord record) throws CheckpointException {
    MemorySegment raw = bytes.asSlice(record.nameAt, record.nameLength);
    String name;
    try {
      ByteBuffer buffer = raw.asByteBuffer();
      name = StandardCharsets.UTF_8.newDecoder().decode(buffer).toString();
    } catch (CharacterCodingException e) {
      throw new CheckpointException(
          Kind.BAD_NAME, path, "archive has an entry whose name is not UTF-8", e);
    }
    if (!isSafe(name)) {
      throw new CheckpointException(
          Kind.BAD_NAME,
          path,
          "archive entry %s has a name that is empty, too long or leads outside the archive"
              .formatted(quote(name)));
    }
    return name;
  }

  private static boolean isSafe(String name) {
    if (name.isEmpty()
        || name.length() > MAX_NAME
        || name.indexOf('\\') >= 0
        || name.indexOf(':') == 1
        || name.chars().anyMatch(Character::isISOControl)) {
      return false;
    }
    // A name with a trailing slash is a folder; "a//b" and "/a" have an empty component.
    String entry = name.endsWith("/") ? name.substring(0, name.length() - 1) : name;
    for (String component : entry.split("/", -1)) {
      if (component.isEmpty() || component.equals(".") || component.equals("..")) {
        return false;
      }
    }
    return true;
  }

  private void checkOverlaps() throws CheckpointException {
    List<Entry> ordered = new ArrayList<>(entries.values());
    ordered.sort(Comparator.comparingLong(Entry::header));
    for (int i = 1; i < ordered.size(); i++) {
      Entry before = ordered.get(i - 1);
      Entry entry = ordered.get(i);
      if (entry.header < before.end) {
        throw new CheckpointException(
            Kind.OVERLAP,
            path,
            "archive entry %s begins at byte %d, before the end of %s at %d"
                .formatted(quote(entry.name), entry.header, quote(before.name), before.end));
      }
    }
  }

  private CheckpointException bad(String what) {
    return new CheckpointException(
        Kind.BAD_ZIP, path, "zip archive is broken: " + what + "; copy or download it again");
  }

  private CheckpointException mismatch(String quoted, String what) {
    return new CheckpointException(
        Kind.HEADER_MISMATCH, path, "archive entry %s: %s".formatted(quoted, what));
  }

  private CheckpointException outOfBounds(String quoted, long at, long size, long end) {
    return new CheckpointException(
        Kind.OUT_OF_BOUNDS,
        path,
        "archive entry %s has %s bytes at offset %s, beyond the end of all entries at %d"
            .formatted(quoted, Long.toUnsignedString(size), Long.toUnsignedString(at), end));
  }
}
