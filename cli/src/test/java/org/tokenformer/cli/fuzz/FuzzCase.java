package org.tokenformer.cli.fuzz;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.util.Objects;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.error.EngineProblem;
import org.tokenformer.tokenizer.TextKindException;
import org.tokenformer.tokenizer.TokenizerException;
import org.tokenformer.tokenizer.dataset.DatasetException;

/**
 * Checks what must hold for any input of a target: it is read, or rejected with a documented
 * exception whose message is one line, in bounded time and memory.
 *
 * <p>Memory outside the heap is bounded by {@code -XX:MaxDirectMemorySize}: a reader that runs into
 * it has an {@link OutOfMemoryError} among its causes.
 */
final class FuzzCase {
  /** Thrown if an input took too much time or memory. */
  static final class LimitError extends AssertionError {
    private static final long serialVersionUID = 1;

    LimitError(String message) {
      super(message);
    }
  }

  private static final long MAX_NANOS = 1_000_000_000;
  private static final long MAX_BYTES = 1 << 20;
  private static final long MAX_BYTES_PER_BYTE = 64;
  private static final int MAX_MESSAGE = 2000;

  /** The first attempts may load, instrument and compile classes. */
  private static final int ATTEMPTS = 4;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final FuzzTarget target;

  FuzzCase(FuzzTarget target) {
    this.target = target;
  }

  /**
   * Runs one input.
   *
   * @return whether it was read, not rejected
   * @throws LimitError if it takes too much time or memory
   * @throws AssertionError if something else does not hold
   */
  boolean check(byte[] input) {
    String exceeded = "";
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      long nanos = THREADS.getCurrentThreadCpuTime();
      long bytes = THREADS.getCurrentThreadAllocatedBytes();
      boolean read = read(input);
      nanos = THREADS.getCurrentThreadCpuTime() - nanos;
      bytes = THREADS.getCurrentThreadAllocatedBytes() - bytes;
      if (nanos <= MAX_NANOS && bytes <= MAX_BYTES + MAX_BYTES_PER_BYTE * input.length) {
        return read;
      }
      exceeded =
          "took %d ms and allocated %d bytes for %d bytes"
              .formatted(nanos / 1_000_000, bytes, input.length);
    }
    throw new LimitError(exceeded);
  }

  private boolean read(byte[] input) {
    try {
      target.read(input);
      return true;
    } catch (UncheckedIOException e) {
      checkDocumented(Objects.requireNonNull(e.getCause()));
      return false;
    } catch (IOException | RuntimeException e) {
      checkDocumented(e);
      return false;
    }
  }

  private static void checkDocumented(Exception e) {
    boolean documented =
        e instanceof EngineProblem
            || e instanceof TokenizerException
            || e instanceof TextKindException
            || e instanceof DatasetException
            || e instanceof UserError
            // of Tokenizer.encode
            || String.valueOf(e.getMessage()).contains("pattern takes too long on this text");
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      documented &= !(cause instanceof Error);
    }
    if (!documented) {
      throw new AssertionError("undocumented: " + e, e);
    }
    String message = String.valueOf(e.getMessage());
    if (message.length() > MAX_MESSAGE || message.chars().anyMatch(Character::isISOControl)) {
      throw new AssertionError("not one short line: " + message, e);
    }
  }
}
