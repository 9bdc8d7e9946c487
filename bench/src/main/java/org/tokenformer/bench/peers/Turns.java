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
 * Runs a workload for each line on standard input and answers with its duration in seconds. {@code
 * bench/peers/compare.py} runs one such process per program and lets them take turns, since the
 * speed of a shared machine changes within seconds.
 *
 * <p>Each line contains the numbers that the workload needs. The first line of output is {@code
 * ready}, followed by the bytes of weights or text that a run reads, or 0 if that does not apply.
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

  /** Minimum duration of a turn, which repeats its work and reports the median run. */
  private static final long TURN_NANOS = 300_000_000L;

  /** Duration of the warm-up before the first turn of a workload, for JIT compilation. */
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

  /** The workload of a process. */
  interface Work extends AutoCloseable {
    /** Returns the bytes of weights or text that one run reads, or 0 if that does not apply. */
    default long bytes() {
      return 0;
    }

    /** Runs one turn and returns its answer as text. */
    String turn(int[] numbers);

    @Override
    default void close() {}
  }

  /** Repeats a run for the duration of a turn and returns the median in seconds. */
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
