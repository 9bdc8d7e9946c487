package org.tokenformer.engine.checkpoint;

/** How a file is loaded into memory. */
public enum LoadMode {
  /**
   * The file is memory-mapped: opening costs nothing, and pages are loaded on first access and
   * shared between processes.
   *
   * <p>A mapped file must keep its length while it is open. Replacing it by a rename is safe, since
   * the old file exists until it is closed. Truncating or rewriting it in place is not: changed
   * bytes become visible, and accessing a page beyond the new end makes Java code fail with an
   * {@link InternalError} ("a fault occurred in an unsafe memory access operation"), while native
   * code and a few of the JVM's own routines end the process (SIGBUS). If other programs may do
   * that to the file, use {@link #COPY}.
   */
  MAP,
  /**
   * The file is read once into the process's memory. Later changes to the file have no effect. This
   * takes the time to read it and as much memory as the file is long, which counts against the
   * JVM's {@code -XX:MaxDirectMemorySize} (by default the maximum heap size).
   */
  COPY
}
