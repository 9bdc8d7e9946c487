package org.tokenformer.engine.checkpoint;

/** How the bytes of a file get into memory. */
public enum LoadMode {
  /**
   * The file is mapped: opening costs nothing, pages come in when touched and are shared between
   * processes.
   *
   * <p>A mapped file must keep its length while it is open. Replacing it by a rename is safe, since
   * the old file lives on until it is closed; cutting it short or rewriting it in place is not:
   * bytes that change are seen, and touching a page beyond the new end makes Java code fail with an
   * {@link InternalError} ("a fault occurred in an unsafe memory access operation"), while native
   * code and a few of the JVM's own routines end the process (SIGBUS). Where others may do that to
   * the file, use {@link #COPY}.
   */
  MAP,
  /**
   * The file is read into memory of the process, once. Nothing that happens to the file afterwards
   * matters. Costs the reading and as much memory as the file is long, which counts against the
   * JVM's {@code -XX:MaxDirectMemorySize} (by default as large as its heap).
   */
  COPY
}
