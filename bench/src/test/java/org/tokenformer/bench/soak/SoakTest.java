package org.tokenformer.bench.soak;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SoakTest {
  private static final Path STORYTELLER = Path.of("../cli/src/main/storyteller");

  private final ByteArrayOutputStream text = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(text, true, StandardCharsets.UTF_8);

  @Test
  void servesWithTheResultsOfTheQuietRun() throws Exception {
    try (Load load = new ServingLoad(STORYTELLER, 1)) {
      Soak.run(load, TimeUnit.SECONDS.toNanos(1), out);
      assertTrue(load.done() > 8, () -> load.done() + " actions");
    }
  }

  @Test
  void trainsToTheWeightsOfTheQuietRun() throws Exception {
    try (Load load = new TrainingLoad(STORYTELLER, 1)) {
      long quiet = load.done();
      Soak.run(load, 1, out);
      assertTrue(load.done() >= quiet, () -> load.done() + " steps");
    }
  }

  @Test
  void endsAtTheFirstWrongResult() {
    Load wrong = new Fixed(0);
    ExecutionException failure =
        assertThrows(ExecutionException.class, () -> Soak.run(wrong, Long.MAX_VALUE, out));
    assertEquals(WrongResultException.class.getName() + ": other ids", failure.getMessage());
  }

  @Test
  void theSummaryShowsTheMedianOfEachFifth() {
    List<Gauge.Sample> samples =
        IntStream.range(0, 10)
            .mapToObj(i -> new Gauge.Sample(i, i << 20, (i + 1L) << 20, 3, 4, i))
            .toList();
    try (Fixed load = new Fixed(7)) {
      Soak.summary(load, samples, out);
    }
    List<String> lines = text.toString(StandardCharsets.UTF_8).lines().toList();
    assertEquals("# 7 things, all with the results of the quiet run", lines.getFirst());
    assertEquals(
        "# to 9 s: heap 9.00 MiB, resident 10.0 MiB, threads 3, files 4, 9.00 things/s",
        lines.getLast());
    assertEquals(7, lines.size());
  }

  /** Has done a fixed number of things, and fails when it runs. */
  private record Fixed(long done) implements Load {
    @Override
    public String unit() {
      return "things";
    }

    @Override
    public void run(BooleanSupplier stop) {
      throw new WrongResultException("other ids");
    }

    @Override
    public void close() {}
  }
}
