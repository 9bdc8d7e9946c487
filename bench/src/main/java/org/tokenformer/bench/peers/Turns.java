package org.tokenformer.bench.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;

/**
 * Does one kind of work whenever a line on standard input asks for it, and answers with the seconds
 * that it took: {@code bench/peers/compare.py} runs one such process for each program and lets them
 * take turns, since the speed of a shared machine changes within seconds.
 *
 * <p>A line holds the numbers that the work wants. The first line out is {@code ready}, with the
 * bytes of weights that a run reads where that is known.
 */
public final class Turns {
  private static final String USAGE =
      """
      usage: Turns ceilings THREADS
             Turns gemm THREADS                        lines: M N K
             Turns encode TOKENIZER TEXT
             Turns train PRESET BATCH SEQUENCE THREADS [recompute]
             Turns prefill PRESET TYPE THREADS         lines: TOKENS
             Turns decode PRESET TYPE THREADS          lines: DEPTH
             Turns batch PRESET TYPE THREADS           lines: SESSIONS
             Turns ragged PRESET TYPE THREADS          lines: TOKENS SESSIONS
                                                       (a prompt, and one id of each session)\
      """;

  /** A turn repeats its work for at least so long and counts the median run. */
  private static final long TURN_NANOS = 300_000_000L;

  /**
   * Work that is asked for the first time is done for so long before: the JVM has to compile it.
   */
  private static final long WARM_UP_NANOS = 5_000_000_000L;

  private static final int MAX_RUNS = 10_000;

  private Turns() {}

  /** Serves until standard input ends. */
  public static void main(String[] args) throws IOException {
    Work work;
    try {
      work = Workloads.of(args);
    } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
      System.err.println("error: " + e.getMessage() + "\n" + USAGE);
      System.exit(2);
      return;
    }
    try (work) {
      System.out.println("ready " + work.bytes());
      var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      Set<String> known = new HashSet<>();
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        int[] numbers = line.isBlank() ? new int[0] : numbers(line);
        if (known.add(line)) {
          warmUp(work, numbers);
        }
        System.out.printf(Locale.ROOT, "%s%n", work.turn(numbers));
      }
    }
  }

  private static void warmUp(Work work, int[] numbers) {
    long start = System.nanoTime();
    while (System.nanoTime() - start < WARM_UP_NANOS) {
      work.turn(numbers);
    }
  }

  private static int[] numbers(String line) {
    return Arrays.stream(line.strip().split(" ")).mapToInt(Integer::parseInt).toArray();
  }

  /** What a process does. */
  interface Work extends AutoCloseable {
    /** Bytes of weights that one run reads, 0 where that says nothing. */
    default long bytes() {
      return 0;
    }

    /** One turn; the answer as text. */
    String turn(int[] numbers);

    @Override
    default void close() {}
  }

  /** The median seconds of runs that together take the time of a turn. */
  static String seconds(Runnable run) {
    double[] seconds = new double[MAX_RUNS];
    int count = 0;
    long start = System.nanoTime();
    long before = start;
    do {
      run.run();
      long now = System.nanoTime();
      seconds[count++] = (now - before) / 1e9;
      before = now;
    } while (before - start < TURN_NANOS && count < MAX_RUNS);
    Arrays.sort(seconds, 0, count);
    return Double.toString(seconds[count / 2]);
  }
}
