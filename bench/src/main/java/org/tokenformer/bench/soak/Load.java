package org.tokenformer.bench.soak;

import java.io.IOException;
import java.util.function.BooleanSupplier;

/** Work that a soak test repeats until its time is over. */
interface Load extends AutoCloseable {
  /** Returns the unit of work, in the plural. */
  String unit();

  /** Returns the units of work done so far; called from another thread. */
  long done();

  /**
   * Works until told to stop.
   *
   * @throws WrongResultException if a result differs from that of the quiet run
   */
  void run(BooleanSupplier stop) throws Exception;

  @Override
  void close() throws IOException;
}
