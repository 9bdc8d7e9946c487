package org.tokenformer.engine.backend;

import java.lang.foreign.MemorySegment;
import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/** Implements the memory operations of a backend that computes on the CPU. */
public abstract class HostBackend implements Backend {
  /** Creates the part of a backend that subclasses share. */
  protected HostBackend() {}

  @Override
  public final MemoryScope openScope() {
    return new HostScope();
  }

  @Override
  public final void upload(MemorySegment source, Tensor destination) {
    HostBuffer.segmentOf(destination).copyFrom(source);
  }

  @Override
  public final void download(Tensor source, MemorySegment destination) {
    destination.copyFrom(HostBuffer.segmentOf(source));
  }

  @Override
  public final void copy(Tensor source, Tensor destination) {
    HostBuffer.segmentOf(destination).copyFrom(HostBuffer.segmentOf(source));
  }

  @Override
  public void zero(Tensor tensor) {
    HostBuffer.segmentOf(tensor).fill((byte) 0);
  }
}
