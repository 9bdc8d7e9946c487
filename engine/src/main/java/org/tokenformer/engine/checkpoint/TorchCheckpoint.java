package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.SequencedMap;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/**
 * An open checkpoint of {@code torch.save}: a zip archive that contains a pickle, {@code data.pkl},
 * and the storages it refers to, {@code data/0}, {@code data/1} and so on.
 *
 * <p>A pickle is in general a program, here one from an untrusted source. It is read by a machine
 * that knows only the few instructions and names that a dict of tensors needs and rejects all
 * others by name; nothing is ever executed. The tensors are the entries of the dict at the root, or
 * of the dict under {@code module}, {@code state_dict} or {@code model}, where training programs
 * put it.
 *
 * <p>Contiguous tensors are views of the file. Others (such as a transposed weight) are copied
 * once, into memory that the checkpoint owns. Contiguous tensors that share a storage share memory
 * here too.
 *
 * @see <a href="https://docs.pytorch.org/docs/stable/notes/serialization.html">the format</a>
 */
public final class TorchCheckpoint implements Checkpoint {
  /** The first bytes of the older format: a pickle of protocol 2 with torch's magic number. */
  private static final byte[] LEGACY_START = {
    (byte) 0x80,
    2,
    (byte) 0x8a,
    10,
    0x6c,
    (byte) 0xfc,
    (byte) 0x9c,
    0x46,
    (byte) 0xf9,
    0x20,
    0x6a,
    (byte) 0xa8,
    0x50,
    0x19
  };

  private final FileBytes file;
  private final ZipArchive archive;
  private final SequencedMap<String, NamedTensor> tensors;

  private TorchCheckpoint(FileBytes file) throws CheckpointException {
    this.file = file;
    Path path = file.path();
    ZipArchive zip = ZipArchive.read(path, file.bytes());
    if (zip == null) {
      throw notZip(path, file.bytes());
    }
    this.archive = zip;
    ZipArchive.Entry pickle = pickle();
    String root = pickle.name().substring(0, pickle.name().length() - "data.pkl".length());
    checkByteOrder(root);
    archive.checkCrc(pickle);
    PickleValue value = PickleMachine.read(path, pickle.data());
    TorchViews views = new TorchViews(file, archive, root + "data/");
    this.tensors = Collections.unmodifiableSequencedMap(views.ofStateDict(value));
  }

  /** Opens a checkpoint by memory-mapping it. */
  public static TorchCheckpoint open(Path path) throws CheckpointException {
    return open(path, LoadMode.MAP);
  }

  /**
   * Opens a checkpoint. The archive's directory, the pickle with its checksum, and every tensor's
   * bounds are checked before this returns; the data of the storages is not read, see {@link
   * #verifyData}.
   */
  public static TorchCheckpoint open(Path path, LoadMode mode) throws CheckpointException {
    FileBytes file = FileBytes.open(path, mode);
    try {
      return new TorchCheckpoint(file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  /**
   * Reads all storages and compares them with their checksums, which detects a corrupted download.
   * This is a separate step because it reads the whole file, which inspecting names and shapes does
   * not need. Storages written without a checksum, which torch can be configured to do, pass.
   *
   * @throws CheckpointException of kind {@code CRC_MISMATCH}, naming the first broken entry
   */
  public void verifyData() throws CheckpointException {
    for (ZipArchive.Entry entry : archive.entries().values()) {
      archive.checkCrc(entry);
    }
  }

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public SequencedMap<String, NamedTensor> tensors() {
    return tensors;
  }

  @Override
  public void close() {
    file.close();
  }

  /** Returns the pickle in the archive's only top-level folder, whatever its name. */
  private ZipArchive.Entry pickle() throws CheckpointException {
    ZipArchive.Entry found = null;
    for (ZipArchive.Entry entry : archive.entries().values()) {
      String name = entry.name();
      if (name.endsWith("/data.pkl") && name.indexOf('/') == name.length() - 9) {
        if (found != null) {
          throw new CheckpointException(
              Kind.DUPLICATE_NAME,
              file.path(),
              "archive has two pickles, %s and %s".formatted(quote(found.name()), quote(name)));
        }
        found = entry;
      }
    }
    if (found == null) {
      throw new CheckpointException(
          Kind.NOT_A_CHECKPOINT,
          file.path(),
          "is a zip archive without NAME/data.pkl, so it is not a file of torch.save");
    }
    return found;
  }

  private void checkByteOrder(String root) throws CheckpointException {
    ZipArchive.Entry entry = archive.entries().get(root + "byteorder");
    if (entry == null) {
      return; // torch before 2.1 wrote no such entry, and no big-endian files
    }
    archive.checkCrc(entry);
    byte[] little = "little".getBytes(StandardCharsets.US_ASCII);
    if (entry.data().mismatch(MemorySegment.ofArray(little)) != -1) {
      long shown = Math.min(entry.data().byteSize(), 32);
      byte[] order = entry.data().asSlice(0, shown).toArray(ValueLayout.JAVA_BYTE);
      throw new CheckpointException(
          Kind.BIG_ENDIAN,
          file.path(),
          ("byte order is %s, but only 'little' is supported; save it again on a little-endian"
                  + " machine")
              .formatted(quote(new String(order, StandardCharsets.ISO_8859_1))));
    }
  }

  private static CheckpointException notZip(Path path, MemorySegment bytes) {
    MemorySegment legacy = MemorySegment.ofArray(LEGACY_START);
    if (bytes.byteSize() >= LEGACY_START.length
        && bytes.asSlice(0, LEGACY_START.length).mismatch(legacy) == -1) {
      return new CheckpointException(
          Kind.LEGACY_FORMAT,
          path,
          "is in the format of torch before 1.6; convert it in Python:"
              + " torch.save(torch.load(old, weights_only=True), new)");
    }
    return new CheckpointException(
        Kind.NOT_A_CHECKPOINT,
        path,
        "is not a complete zip archive (%d bytes), so torch.save did not write it; check the path, or copy or download it again"
            .formatted(bytes.byteSize()));
  }
}
