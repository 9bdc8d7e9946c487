package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.util.List;

/** A reader of untrusted bytes. */
interface FuzzTarget {
  /** Reads the bytes, and all that they contain, and throws what the reader throws. */
  void read(byte[] bytes) throws IOException;

  /** Returns valid inputs from which a campaign starts. */
  List<byte[]> seeds() throws IOException;
}
