package org.tokenformer.cli.console;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Standard input. If it is closed or no input, reading throws a {@link UserError}. */
final class StandardInput extends FilterInputStream {
  StandardInput(InputStream stream) {
    super(stream);
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) {
    try {
      return in.read(bytes, offset, length);
    } catch (IOException e) {
      throw new UserError(
          "standard input cannot be read: "
              + e.getMessage()
              + "; redirect it from a file or a pipe, for example with < FILE",
          e);
    }
  }
}
