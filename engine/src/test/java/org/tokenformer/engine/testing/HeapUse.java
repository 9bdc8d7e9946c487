package org.tokenformer.engine.testing;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
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

  /**
   * Runs a class's main method in a process of its own, as a program would run: how the compiler
   * sees the kernels depends on all that ran before, and here that would be whatever tests came
   * first.
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
