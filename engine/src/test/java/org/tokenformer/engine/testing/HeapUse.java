package org.tokenformer.engine.testing;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;

/** How much heap the calling thread and the backends' workers have used up. */
public final class HeapUse {
  private HeapUse() {}

  /** Bytes allocated so far, collected ones included. */
  public static long allocatedBytes() {
    ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long sum = bean.getCurrentThreadAllocatedBytes();
    for (Thread thread : workers()) {
      sum += Math.max(0, bean.getThreadAllocatedBytes(thread.threadId()));
    }
    return sum;
  }

  private static List<Thread> workers() {
    Thread[] all = new Thread[Thread.activeCount() + 16];
    int count = Thread.enumerate(all);
    return Arrays.stream(all, 0, count)
        .filter(thread -> thread.getName().startsWith("tokenformer-worker-"))
        .toList();
  }
}
