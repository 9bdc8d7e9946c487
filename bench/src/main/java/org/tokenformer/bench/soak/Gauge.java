package org.tokenformer.bench.soak;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/** Measures what this process holds and how fast it works. */
final class Gauge {
  private static final MemoryMXBean MEMORY = ManagementFactory.getMemoryMXBean();
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path DESCRIPTORS = Path.of("/proc/self/fd");
  private static final String ANONYMOUS = "RssAnon:";

  private final LongSupplier work;
  private final long start = System.nanoTime();
  private long lastTime = start;
  private long lastWork;

  /**
   * Creates a gauge.
   *
   * @param work returns the units of work done so far
   */
  Gauge(LongSupplier work) {
    this.work = work;
    lastWork = work.getAsLong();
  }

  /**
   * One sample.
   *
   * @param seconds since the start
   * @param heap bytes of live objects, after a garbage collection
   * @param resident bytes of anonymous memory in RAM, native and heap; 0 where there is no /proc
   * @param threads live threads
   * @param descriptors open files; 0 where there is no /proc
   * @param rate units of work per second since the previous sample
   */
  record Sample(
      double seconds, long heap, long resident, int threads, long descriptors, double rate) {}

  /** Takes a sample. */
  Sample sample() throws IOException {
    long now = System.nanoTime();
    long done = work.getAsLong();
    double rate = (done - lastWork) / ((now - lastTime) / 1e9);
    MEMORY.gc();
    Sample sample =
        new Sample(
            (now - start) / 1e9,
            MEMORY.getHeapMemoryUsage().getUsed(),
            resident(),
            ManagementFactory.getThreadMXBean().getThreadCount(),
            descriptors(),
            rate);
    lastTime = now;
    lastWork = done;
    return sample;
  }

  private static long resident() throws IOException {
    if (!Files.isReadable(STATUS)) {
      return 0;
    }
    try (Stream<String> lines = Files.lines(STATUS)) {
      return lines
          .filter(line -> line.startsWith(ANONYMOUS))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
          .findFirst()
          .orElse(0);
    }
  }

  private static long descriptors() throws IOException {
    if (!Files.isDirectory(DESCRIPTORS)) {
      return 0;
    }
    try (Stream<Path> open = Files.list(DESCRIPTORS)) {
      return open.count() - 1; // without the one that lists them
    }
  }
}
