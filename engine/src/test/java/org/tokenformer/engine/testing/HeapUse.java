package org.tokenformer.engine.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Measures the heap allocations of the calling thread and of the backends' workers. */
public final class HeapUse {
  private HeapUse() {}

  /** Returns the bytes allocated so far, including those already collected. */
  public static long allocatedBytes() {
    ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long sum = bean.getCurrentThreadAllocatedBytes();
    for (Thread thread : workers()) {
      sum += Math.max(0, bean.getThreadAllocatedBytes(thread.threadId()));
    }
    return sum;
  }

  /**
   * Runs a class's main method in a separate process, like a program: how the JVM compiles the
   * kernels depends on all code that ran before, which here would be earlier tests.
   *
   * @return the number that it prints
   */
  public static double inOwnProcess(Class<?> main) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
    if (process.waitFor() != 0) {
      throw new IllegalStateException(main + " failed: " + output);
    }
    return Double.parseDouble(output);
  }

  private static List<Thread> workers() {
    Thread[] all = new Thread[Thread.activeCount() + 16];
    int count = Thread.enumerate(all);
    return Arrays.stream(all, 0, count)
        .filter(thread -> thread.getName().startsWith("tokenformer-worker-"))
        .toList();
  }
}
