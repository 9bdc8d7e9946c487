package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.SequencedMap;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/**
 * An open checkpoint of {@code torch.save}: a zip archive that contains a pickle, {@code data.pkl},
 * and the storages it refers to, {@code data/0}, {@code data/1} and so on.
 *
 * <p>A pickle is in general a program, here one from an untrusted source. It is read by a machine
 * that knows only the few instructions and names that a dict of tensors needs; nothing is ever
 * executed. What training programs save beside the weights (the state of an optimizer, settings,
 * objects of any class) is skipped; {@link #notes} tells what was.
 *
 * <p>Contiguous tensors are views of the file. Others (such as a transposed weight, or all those of
 * an archive with compression) are copied when they are loaded, into memory that the checkpoint
 * owns. Contiguous tensors that share a storage share memory here too.
 *
 * @see <a href="https://docs.pytorch.org/docs/stable/notes/serialization.html">the format</a>
 */
public final class TorchCheckpoint implements Checkpoint {
  /** Limit on copies, in file sizes, if no one has compared the shapes with those expected. */
  private static final long COPY_FACTOR = 4;

  /** Limit on copies, in sizes of the tensors to load. */
  private static final long LOAD_FACTOR = 5;

  private static final int MAX_BYTE_ORDER = 64;

  private final FileBytes file;
  private final ZipArchive archive;
  private final TorchViews views;
  private final List<String> notes;

  TorchCheckpoint(FileBytes file) throws CheckpointException {
    this.file = file;
    Path path = file.path();
    ZipArchive zip = ZipArchive.read(path, file.bytes());
    if (zip == null) {
      throw notZip(path, file.bytes());
    }
    this.archive = zip;
    ZipArchive.Entry pickle = pickle();
    String root = pickle.name().substring(0, pickle.name().length() - "data.pkl".length());
    if (archive.entries().containsKey(root + "constants.pkl")) {
      throw new CheckpointException(
          Kind.NOT_A_CHECKPOINT,
          path,
          "is a TorchScript program; in Python, save its weights:"
              + " torch.save(torch.jit.load(path).state_dict(), new)");
    }
    checkByteOrder(root);
    StateDict dict =
        StateDict.find(
            path, PickleMachine.read(path, small(pickle, PickleMachine.MAX_BYTES, "a pickle")));
    this.views = new TorchViews(file, archive, root + "data/", dict.tensors());
    this.notes = dict.notes();
  }

  /** Opens a checkpoint by memory-mapping it. */
  public static TorchCheckpoint open(Path path) throws CheckpointException {
    return open(path, LoadMode.MAP);
  }

  /**
   * Opens a checkpoint. The archive's directory, the pickle with its checksum, and every tensor's
   * bounds are checked before this returns; the data of the storages is not read.
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

  @Override
  public Path path() {
    return file.path();
  }

  @Override
  public SequencedMap<String, TensorInfo> index() {
    return Collections.unmodifiableSequencedMap(views.index());
  }

  @Override
  public SequencedMap<String, NamedTensor> load(Collection<String> names)
      throws CheckpointException {
    long bytes = 0;
    for (String name : names) {
      TensorInfo info = info(name);
      bytes = Math.min(bytes + info.shape().bytes(info.dtype()), Long.MAX_VALUE / LOAD_FACTOR / 2);
    }
    return views.load(names, LOAD_FACTOR * bytes);
  }

  @Override
  public SequencedMap<String, NamedTensor> tensors() throws CheckpointException {
    return views.load(views.index().keySet(), COPY_FACTOR * file.bytes().byteSize());
  }

  @Override
  public List<String> notes() {
    return notes;
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
      throw noPickle();
    }
    return found;
  }

  /** Returns the data of an entry whose size is limited. */
  private MemorySegment small(ZipArchive.Entry entry, long limit, String what)
      throws CheckpointException {
    if (entry.size() > limit) {
      throw new CheckpointException(
          Kind.LIMIT,
          file.path(),
          "archive entry %s has %d bytes, but at most %d are allowed for %s"
              .formatted(quote(entry.name()), entry.size(), limit, what));
    }
    return archive.read(entry, file::allocate);
  }

  private void checkByteOrder(String root) throws CheckpointException {
    ZipArchive.Entry entry = archive.entries().get(root + "byteorder");
    if (entry == null) {
      return; // torch before 2.1 wrote no such entry, and no big-endian files
    }
    byte[] bytes = small(entry, MAX_BYTE_ORDER, "a byte order").toArray(ValueLayout.JAVA_BYTE);
    String order = new String(bytes, StandardCharsets.ISO_8859_1);
    if (!order.equals("little")) {
      throw new CheckpointException(
          Kind.BIG_ENDIAN,
          file.path(),
          ("byte order is %s, but only 'little' is supported; save it again on a little-endian"
                  + " machine")
              .formatted(quote(order)));
    }
  }

  private CheckpointException noPickle() {
    boolean arrays = archive.entries().keySet().stream().anyMatch(name -> name.endsWith(".npy"));
    boolean keras = archive.entries().keySet().stream().anyMatch(name -> name.endsWith(".h5"));
    String what =
        arrays
            ? "is a NumPy .npz archive; save the arrays with safetensors.numpy.save_file(arrays, path)"
            : keras
                ? "is a Keras model, which is not supported"
                : "is a zip archive without NAME/data.pkl, so it is not a file of torch.save; if it"
                    + " contains the checkpoint, unpack it";
    return new CheckpointException(Kind.NOT_A_CHECKPOINT, file.path(), what);
  }

  private static CheckpointException notZip(Path path, MemorySegment bytes) {
    String known = FileSignature.describe(FileSignature.head(bytes));
    boolean cut = bytes.byteSize() > 4 && bytes.get(Segments.INT, 0) == ZipArchive.LOCAL_SIGNATURE;
    String other =
        cut
            ? "is a zip archive without its end (%d bytes), so it is incomplete; copy or download it"
                + " again"
            : "is not a complete zip archive (%d bytes), so torch.save did not write it; check the"
                + " path, or copy or download it again";
    String what = known != null ? known : other.formatted(bytes.byteSize());
    return new CheckpointException(Kind.NOT_A_CHECKPOINT, path, what);
  }
}
