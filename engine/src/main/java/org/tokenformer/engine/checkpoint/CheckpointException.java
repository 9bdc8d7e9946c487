package org.tokenformer.engine.checkpoint;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.error.EngineProblem;

/**
 * A file cannot be read or written as a checkpoint. The message is one line that can be shown to a
 * user as it is: the file, the tensor or field, the values that disagree, and what to do.
 */
public final class CheckpointException extends IOException implements EngineProblem {
  private static final long serialVersionUID = 1;

  /** The causes, each of which has its own test. */
  public enum Kind {
    /** The file is not there, not a plain file, or the operating system refuses to read it. */
    CANNOT_READ,
    /** The operating system refuses to write: no space, no permission, no such folder. */
    CANNOT_WRITE,
    /** The target exists and replacing it was not asked for. */
    EXISTS,
    /** The file became shorter while it was read. */
    FILE_CHANGED,
    /** No tensor has the name that was asked for. */
    MISSING_TENSOR,
    /** Two tensors, fields or archive entries have one name. */
    DUPLICATE_NAME,
    /** A name that is too long, not text, reserved, or leads out of its archive. */
    BAD_NAME,
    /** More of something than any checkpoint has: tensors, dimensions, pickle steps. */
    LIMIT,
    /** An element type that is not known here. */
    UNKNOWN_DTYPE,
    /** A shape with negative, fractional or too large sizes. */
    BAD_SHAPE,
    /** Shape and element type need another number of bytes than the file gives. */
    SIZE_MISMATCH,
    /** Two pieces of data share bytes that must be separate. */
    OVERLAP,
    /** Data would lie beyond the end of the file or of its storage. */
    OUT_OF_BOUNDS,

    /** safetensors: the file ends before its header does. */
    TRUNCATED_HEADER,
    /** safetensors: the header claims more than 100 MB. */
    HEADER_TOO_LARGE,
    /** safetensors: the header is not a JSON object in UTF-8. */
    BAD_JSON,
    /** safetensors: a field of the header is missing, unknown or of the wrong type. */
    BAD_FIELD,
    /** safetensors: offsets that are negative, fractional, reversed or exceed a long. */
    BAD_OFFSETS,
    /** safetensors: bytes between two tensors that belong to none. */
    HOLE,
    /** safetensors: bytes after the last tensor. */
    TRAILING_BYTES,

    /** torch: the file is no zip archive, or one that holds no data.pkl. */
    NOT_A_CHECKPOINT,
    /** torch: the format of torch.save before 1.6, a bare pickle. */
    LEGACY_FORMAT,
    /** torch: the archive's directory contradicts itself or the file. */
    BAD_ZIP,
    /** torch: an archive entry is compressed. */
    COMPRESSED_ENTRY,
    /** torch: an archive entry is encrypted. */
    ENCRYPTED_ENTRY,
    /** torch: the header before an entry's data contradicts the archive's directory. */
    HEADER_MISMATCH,
    /** torch: an entry's data does not have its recorded checksum. */
    CRC_MISMATCH,
    /** torch: a storage that the pickle names is not in the archive. */
    MISSING_ENTRY,
    /** torch: the data was written on a big-endian machine. */
    BIG_ENDIAN,
    /** torch: the pickle asks for a class or function that is not on the allow-list. */
    FORBIDDEN_GLOBAL,
    /** torch: the pickle has an instruction that is not on the allow-list. */
    FORBIDDEN_OPCODE,
    /** torch: the pickle ends early or uses its values wrongly. */
    BAD_PICKLE,
    /** torch: the pickle is sound but holds something else than named tensors. */
    BAD_STATE_DICT
  }

  private final Kind kind;

  CheckpointException(Kind kind, Path file, String what) {
    this(kind, file, what, null);
  }

  CheckpointException(Kind kind, Path file, String what, @Nullable Throwable cause) {
    this(kind, file + ": " + what, cause);
  }

  private CheckpointException(Kind kind, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  /** The same with another name, for a file that the user knows by it. */
  CheckpointException withFile(Path file, Path name) {
    String message = String.valueOf(getMessage());
    return message.contains(file.toString())
        ? new CheckpointException(kind, message.replace(file.toString(), name.toString()), this)
        : this;
  }

  /** The cause, for programs that treat some of them differently. */
  public Kind kind() {
    return kind;
  }

  /** What the operating system says, in words: {@code Files} often gives only the path. */
  public static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException missing -> "no such file or folder";
      case AccessDeniedException denied -> "permission denied";
      case FileAlreadyExistsException exists -> "already exists";
      case ClosedByInterruptException interrupted -> "interrupted";
      case FileSystemException other when other.getReason() != null -> other.getReason();
      default -> e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    };
  }

  /**
   * Text of a stranger's file for a message: in quotes, without control or invisible characters,
   * cut where it gets long.
   */
  public static String quote(String text) {
    StringBuilder quoted = new StringBuilder("'");
    int shown = Math.min(text.length(), 120);
    for (int i = 0; i < shown; i++) {
      char c = text.charAt(i);
      boolean plain = c == ' ' || (c > ' ' && c < 0x7f) || (c > 0xa0 && Character.isLetter(c));
      quoted.append(plain ? String.valueOf(c) : String.format("\\u%04x", (int) c));
    }
    return quoted.append(shown < text.length() ? "…'" : "'").toString();
  }
}
