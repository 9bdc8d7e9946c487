package org.tokenformer.bench.soak;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.ToDoubleFunction;

/**
 * Runs a load for some time and prints, at intervals, what the process holds and how fast it is.
 * Ends with exit code 1 at the first result that differs from that of a quiet run, or that fails.
 */
public final class Soak {
  private static final String USAGE =
      """
      usage: Soak serve MODEL MINUTES SEED   eight threads open, generate, cancel, fork and close
             Soak train MODEL MINUTES SEED   runs with growth that are cancelled and resumed;
                                             MODEL is the folder whose tokenizer they get\
      """;
  private static final int SECONDS_PER_SAMPLE = 15;
  private static final double MEBI = 1 << 20;

  private Soak() {}

  /** Exits with 0, 1 after a wrong result or a failure, or 2 after wrong arguments. */
  public static void main(String[] args) throws Exception {
    if (args.length != 4) {
      System.err.println(USAGE);
      System.exit(2);
    }
    Path model = Path.of(args[1]);
    double minutes = Double.parseDouble(args[2]);
    long seed = Long.parseLong(args[3]);
    System.out.printf(Locale.ROOT, "# %s, %s minutes, seed %d%n", args[0], args[2], seed);
    try (Load load = load(args[0], model, seed)) {
      List<Gauge.Sample> samples = run(load, (long) (minutes * 60e9), System.out);
      summary(load, samples, System.out);
    }
  }

  private static Load load(String name, Path model, long seed) throws IOException {
    return switch (name) {
      case "serve" -> new ServingLoad(model, seed);
      case "train" -> new TrainingLoad(model, seed);
      default -> throw new IllegalArgumentException(name + " is neither serve nor train");
    };
  }

  /** Runs the load and takes samples; the load runs on threads of its own. */
  static List<Gauge.Sample> run(Load load, long nanos, PrintStream out)
      throws IOException, ExecutionException, InterruptedException {
    List<Gauge.Sample> samples = new ArrayList<>();
    Gauge gauge = new Gauge(load::done);
    long start = System.nanoTime();
    CompletableFuture<Void> running = new CompletableFuture<>();
    Thread worker =
        new Thread(
            () -> {
              try {
                load.run(() -> System.nanoTime() - start >= nanos);
                running.complete(null);
              } catch (Throwable e) {
                running.completeExceptionally(e);
              }
            },
            "soak");
    worker.start();
    out.printf("seconds\theap MiB\tresident MiB\tthreads\tfiles\t%s/s%n", load.unit());
    while (!running.isDone()) {
      try {
        running.get(SECONDS_PER_SAMPLE, TimeUnit.SECONDS);
      } catch (TimeoutException e) {
        samples.add(gauge.sample());
        print(samples.getLast(), out);
      }
    }
    running.get();
    worker.join();
    return samples;
  }

  private static void print(Gauge.Sample sample, PrintStream out) {
    out.printf(
        Locale.ROOT,
        "%.0f\t%.2f\t%.1f\t%d\t%d\t%.2f%n",
        sample.seconds(),
        sample.heap() / MEBI,
        sample.resident() / MEBI,
        sample.threads(),
        sample.descriptors(),
        sample.rate());
  }

  /** Prints medians of each fifth of the time, so that a drift can be seen. */
  static void summary(Load load, List<Gauge.Sample> samples, PrintStream out) {
    out.printf(
        "# %d %s, all with the results of the quiet run%n# medians:%n", load.done(), load.unit());
    int parts = Math.min(5, samples.size());
    for (int i = 0; i < parts; i++) {
      List<Gauge.Sample> part =
          samples.subList(i * samples.size() / parts, (i + 1) * samples.size() / parts);
      out.printf(
          Locale.ROOT,
          "# to %.0f s: heap %.2f MiB, resident %.1f MiB, threads %.0f, files %.0f, %.2f %s/s%n",
          part.getLast().seconds(),
          median(part, Gauge.Sample::heap) / MEBI,
          median(part, Gauge.Sample::resident) / MEBI,
          median(part, Gauge.Sample::threads),
          median(part, Gauge.Sample::descriptors),
          median(part, Gauge.Sample::rate),
          load.unit());
    }
  }

  private static double median(
      List<Gauge.Sample> samples, ToDoubleFunction<Gauge.Sample> quantity) {
    double[] sorted = samples.stream().mapToDouble(quantity).sorted().toArray();
    return sorted[sorted.length / 2];
  }
}
