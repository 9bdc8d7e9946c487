package org.tokenformer.engine.tensor;

/** Memory owned by a backend, and accessed only by it. */
public interface Buffer {
  /** Returns the size in bytes. */
  long byteSize();

  /** Returns whether the memory is still allocated; false once its scope is closed. */
  boolean isAlive();

  /** Returns whether the memory must not be written, such as that of a mapped file. */
  boolean isReadOnly();
}
