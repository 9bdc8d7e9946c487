package org.tokenformer.cli.console;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Finds command-line arguments that are not UTF-8. Java replaces their invalid bytes by U+FFFD,
 * which is also a character that a prompt may contain, so the bytes themselves are compared.
 */
public final class Arguments {
  private static final char REPLACEMENT = '\uFFFD';

  /** The bytes of this process's arguments, each followed by a zero; Linux only. */
  private static final Path RAW = Path.of("/proc/self/cmdline");

  private Arguments() {}

  /**
   * Returns the first argument of this process that is not UTF-8, or null. On systems that do not
   * show the bytes, any argument that contains U+FFFD counts as invalid.
   */
  public static @Nullable String firstInvalid(String[] arguments) {
    for (String argument : arguments) {
      if (argument.indexOf(REPLACEMENT) >= 0) {
        return firstInvalid(arguments, rawBytes());
      }
    }
    return null;
  }

  /**
   * Returns the first argument with U+FFFD that differs from its bytes, or null.
   *
   * @param raw the bytes of the command, which ends with these arguments, a zero after each
   */
  static @Nullable String firstInvalid(String[] arguments, byte[] raw) {
    List<byte[]> command = split(raw);
    int before = command.size() - arguments.length;
    for (int i = 0; i < arguments.length; i++) {
      if (arguments[i].indexOf(REPLACEMENT) >= 0
          && (before < 0
              || !Arrays.equals(command.get(before + i), arguments[i].getBytes(UTF_8)))) {
        return arguments[i];
      }
    }
    return null;
  }

  private static List<byte[]> split(byte[] raw) {
    List<byte[]> parts = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < raw.length; i++) {
      if (raw[i] == 0) {
        parts.add(Arrays.copyOfRange(raw, start, i));
        start = i + 1;
      }
    }
    return parts;
  }

  private static byte[] rawBytes() {
    try {
      return Files.readAllBytes(RAW);
    } catch (IOException e) {
      return new byte[0];
    }
  }
}
