package org.tokenformer.engine.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes a zip archive of stored entries whose data begins at multiples of 64 bytes. As in {@code
 * torch.save}, padding is added by an extra field "FB" in the local header. Sizes and checksums are
 * known in advance and are stored in that header.
 */
final class ZipWriter {
  private static final int ALIGNMENT = 64;
  private static final int PADDING_EXTRA = 'F' | 'B' << 8;
  private static final int VERSION = 20;
  private static final int VERSION_ZIP64 = 45;
  private static final int DATE = 1 << 5 | 1; // 1 January 1980, the earliest date of the format
  private static final int MARKER = 0xffffffff;

  private record Entry(String name, int crc, long size, long header) {
    byte[] utf8() {
      return name.getBytes(StandardCharsets.UTF_8);
    }
  }

  private final WritableByteChannel out;
  private final long zip64From;
  private final List<Entry> entries = new ArrayList<>();
  private long position;

  /** Creates a writer that uses the zip64 forms for numbers from 2³²−1. */
  ZipWriter(WritableByteChannel out) {
    this(out, 0xffffffffL);
  }

  /** Creates a writer that uses the zip64 forms from this number, so that tests need no 4 GB. */
  ZipWriter(WritableByteChannel out, long zip64From) {
    this.out = out;
    this.zip64From = zip64From;
  }

  /** Writes an entry; the name must be unique and safe. Reads the data twice. */
  void add(String name, MemorySegment data) throws IOException {
    Entry entry = new Entry(name, Segments.crc32(data), data.byteSize(), position);
    entries.add(entry);
    byte[] utf8 = entry.utf8();
    boolean zip64 = entry.size >= zip64From;
    int extra = zip64 ? 20 : 0;
    long unpadded = position + ZipArchive.LOCAL_SIZE + utf8.length + extra + 4;
    int padding = (int) Math.floorMod(-unpadded, (long) ALIGNMENT);
    ByteBuffer header = buffer(ZipArchive.LOCAL_SIZE + utf8.length + extra + 4 + padding);
    header.putInt(ZipArchive.LOCAL_SIGNATURE);
    putCommon(header, entry, zip64, zip64);
    header.putShort((short) utf8.length).putShort((short) (extra + 4 + padding)).put(utf8);
    if (zip64) {
      header.putShort((short) ZipArchive.ZIP64_EXTRA).putShort((short) 16);
      header.putLong(entry.size).putLong(entry.size);
    }
    header.putShort((short) PADDING_EXTRA).putShort((short) padding);
    while (header.hasRemaining()) {
      header.put((byte) 'Z');
    }
    write(header);
    Segments.write(out, data);
    position += entry.size;
  }

  /** Writes the directory; nothing can be added afterwards. */
  void finish() throws IOException {
    long offset = position;
    for (Entry entry : entries) {
      writeDirectoryEntry(entry);
    }
    long size = position - offset;
    int count = entries.size();
    boolean zip64 =
        offset >= zip64From || size >= zip64From || count >= Math.min(0xffff, zip64From);
    if (zip64) {
      writeZip64End(count, size, offset);
    }
    ByteBuffer end = buffer(ZipEnd.SIZE);
    end.putInt(ZipEnd.SIGNATURE).putInt(0); // this disk and the directory's
    short shortCount = (short) (zip64 ? 0xffff : count);
    end.putShort(shortCount).putShort(shortCount);
    end.putInt(zip64 ? MARKER : (int) size).putInt(zip64 ? MARKER : (int) offset);
    end.putShort((short) 0); // no comment
    write(end);
  }

  private void writeDirectoryEntry(Entry entry) throws IOException {
    byte[] utf8 = entry.utf8();
    boolean longSize = entry.size >= zip64From;
    boolean longHeader = entry.header >= zip64From;
    int fields = (longSize ? 16 : 0) + (longHeader ? 8 : 0);
    int extra = fields == 0 ? 0 : 4 + fields;
    ByteBuffer record = buffer(ZipArchive.DIRECTORY_SIZE + utf8.length + extra);
    record.putInt(ZipArchive.DIRECTORY_SIGNATURE).putShort((short) VERSION_ZIP64);
    putCommon(record, entry, fields > 0, longSize);
    record.putShort((short) utf8.length).putShort((short) extra);
    record.putShort((short) 0).putShort((short) 0).putShort((short) 0).putInt(0); // no comment …
    record.putInt(longHeader ? MARKER : (int) entry.header).put(utf8);
    if (fields > 0) {
      record.putShort((short) ZipArchive.ZIP64_EXTRA).putShort((short) fields);
      if (longSize) {
        record.putLong(entry.size).putLong(entry.size);
      }
      if (longHeader) {
        record.putLong(entry.header);
      }
    }
    write(record);
  }

  private void writeZip64End(long count, long size, long offset) throws IOException {
    long at = position;
    ByteBuffer end = buffer(ZipEnd.ZIP64_SIZE + ZipEnd.LOCATOR_SIZE);
    end.putInt(ZipEnd.ZIP64_SIGNATURE).putLong(ZipEnd.ZIP64_SIZE - 12);
    end.putShort((short) VERSION_ZIP64).putShort((short) VERSION_ZIP64).putInt(0).putInt(0);
    end.putLong(count).putLong(count).putLong(size).putLong(offset);
    end.putInt(ZipEnd.LOCATOR_SIGNATURE).putInt(0).putLong(at).putInt(1);
    write(end);
  }

  /** Writes the fields that a local header and a directory record share, from version to sizes. */
  private static void putCommon(ByteBuffer to, Entry entry, boolean zip64, boolean longSize) {
    to.putShort((short) (zip64 ? VERSION_ZIP64 : VERSION));
    to.putShort((short) ZipArchive.FLAG_UTF8).putShort((short) 0); // stored
    to.putShort((short) 0).putShort((short) DATE).putInt(entry.crc);
    int size = longSize ? MARKER : (int) entry.size;
    to.putInt(size).putInt(size);
  }

  private static ByteBuffer buffer(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  private void write(ByteBuffer full) throws IOException {
    position += full.capacity();
    Segments.write(out, full.flip());
  }
}
