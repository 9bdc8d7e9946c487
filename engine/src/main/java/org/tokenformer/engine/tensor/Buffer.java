package org.tokenformer.engine.tensor;

/** Memory that a backend owns. Opaque above the backend. */
public interface Buffer {
  /** Size in bytes. */
  long byteSize();

  /** Whether the memory is still there: false once its scope is closed. */
  boolean isAlive();

  /** Whether nothing may be written to it, as to a mapped file. */
  boolean isReadOnly();
}
