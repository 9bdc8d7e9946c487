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
 * A checkpoint file that cannot be read or written. The message is one human-readable line: the
 * file, the tensor or field, the conflicting values, and what to do.
 */
public final class CheckpointException extends IOException implements EngineProblem {
  private static final long serialVersionUID = 1;

  /** About the number of characters that {@link #quote} shows. */
  private static final int MAX_QUOTED = 120;

  /** The causes. Each has its own test. */
  public enum Kind {
    /** The file does not exist, is not a regular file, or cannot be read into memory. */
    CANNOT_READ,
    /** The operating system refuses to write: no space, no permission, no such folder. */
    CANNOT_WRITE,
    /** The target exists and may not be replaced. */
    EXISTS,
    /** The file became shorter while it was being read. */
    FILE_CHANGED,
    /** No tensor has the requested name. */
    MISSING_TENSOR,
    /** Two tensors, fields or archive entries have the same name. */
    DUPLICATE_NAME,
    /** A name is too long, not valid text, reserved, or leads outside its archive. */
    BAD_NAME,
    /** A number or size exceeds its limit, such as tensors, dimensions or pickle instructions. */
    LIMIT,
    /** An element type is not supported. */
    UNKNOWN_DTYPE,
    /** A shape has negative, fractional or too large sizes. */
    BAD_SHAPE,
    /** Shape and element type require a different number of bytes than the file has. */
    SIZE_MISMATCH,
    /** Two pieces of data share bytes, although they must be separate. */
    OVERLAP,
    /** Data extends beyond the end of the file or of its storage. */
    OUT_OF_BOUNDS,

    /** safetensors: the file ends before its header does. */
    TRUNCATED_HEADER,
    /** safetensors: the header is larger than 100 MB. */
    HEADER_TOO_LARGE,
    /** safetensors: the header is not a JSON object in UTF-8. */
    BAD_JSON,
    /** safetensors: a field of the header is missing, unknown or of the wrong type. */
    BAD_FIELD,
    /** safetensors: offsets are negative, fractional, reversed or too large. */
    BAD_OFFSETS,
    /** safetensors: bytes between two tensors belong to neither. */
    HOLE,
    /** safetensors: bytes follow the last tensor. */
    TRAILING_BYTES,

    /** The file is something else: no zip archive of torch, no safetensors file, no index. */
    NOT_A_CHECKPOINT,
    /** torch: the archive's directory contradicts itself or the file. */
    BAD_ZIP,
    /** torch: an archive entry is compressed by another method than deflate. */
    COMPRESSED_ENTRY,
    /** torch: an archive entry is encrypted. */
    ENCRYPTED_ENTRY,
    /** torch: the header before an entry's data contradicts the archive's directory. */
    HEADER_MISMATCH,
    /** torch: an entry's data does not match its recorded checksum. */
    CRC_MISMATCH,
    /** torch: a storage that the pickle refers to is not in the archive. */
    MISSING_ENTRY,
    /** torch: the data was written on a big-endian machine. */
    BIG_ENDIAN,
    /** torch: the pickle requests a function that runs code. */
    FORBIDDEN_GLOBAL,
    /** torch: the pickle contains an instruction that is not on the allow-list. */
    FORBIDDEN_OPCODE,
    /** torch: the pickle ends early or applies an instruction to unsuitable values. */
    BAD_PICKLE,
    /** torch: the pickle is valid but does not hold named tensors. */
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

  /** Returns the same exception with another name for the file, the one known to the user. */
  CheckpointException withFile(Path file, Path name) {
    String message = String.valueOf(getMessage());
    return message.contains(file.toString())
        ? new CheckpointException(kind, message.replace(file.toString(), name.toString()), this)
        : this;
  }

  /** Returns the cause, for programs that handle some causes differently. */
  public Kind kind() {
    return kind;
  }

  /**
   * Returns the reason in words: the message of an exception of {@code Files} is often only the
   * path.
   */
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
   * Quotes text from an untrusted file for a message, without control or invisible characters,
   * truncated if long.
   */
  public static String quote(String text) {
    StringBuilder quoted = new StringBuilder("'");
    int shown = 0;
    while (shown < text.length() && quoted.length() <= MAX_QUOTED) {
      char c = text.charAt(shown++);
      boolean plain = c == ' ' || (c > ' ' && c < 0x7f) || (c > 0xa0 && Character.isLetter(c));
      quoted.append(plain ? String.valueOf(c) : String.format("\\u%04x", (int) c));
    }
    return quoted.append(shown < text.length() ? "…'" : "'").toString();
  }
}
