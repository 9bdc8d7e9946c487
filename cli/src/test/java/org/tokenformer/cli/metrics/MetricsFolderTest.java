package org.tokenformer.cli.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.engine.train.TrainingStep;

class MetricsFolderTest {
  @TempDir private Path folder;

  private static TrainingStep step(int step) {
    double loss = 2 + 6.0 / step;
    return new TrainingStep(
        step, 64L * step, loss, loss + 0.1, 1.0 / step, 1e-3, 64, 0.5, 1e9, 7000);
  }

  private void run(int from, int to) throws IOException {
    try (MetricsFolder metrics = MetricsFolder.open(folder, from - 1)) {
      for (int i = from; i <= to; i++) {
        metrics.step(step(i));
        if (i % 2 == 0) {
          metrics.validated(i, 64L * i, 2.5);
        }
      }
      metrics.writeTable();
    }
  }

  private List<String> lines() throws IOException {
    return Files.readAllLines(folder.resolve("metrics.jsonl"));
  }

  @Test
  void aLineForEachStepAndEachValidation() throws IOException {
    run(1, 2);
    assertEquals(
        List.of(
            "{\"step\":1,\"tokens\":64,\"loss\":8.0,\"smoothed\":8.1,\"gradient_norm\":1.0,"
                + "\"learning_rate\":0.001,\"tokens_per_second\":128.0,\"flops\":1.0E9,\"parameters\":7000}",
            "{\"step\":2,\"tokens\":128,\"loss\":5.0,\"smoothed\":5.1,\"gradient_norm\":0.5,"
                + "\"learning_rate\":0.001,\"tokens_per_second\":128.0,\"flops\":1.0E9,\"parameters\":7000}",
            "{\"step\":2,\"tokens\":128,\"valid_loss\":2.5}"),
        lines());
  }

  @Test
  void whatComesAfterTheStepThatARunGoesOnFromIsDropped() throws IOException {
    run(1, 9);
    List<String> all = lines();
    byte[] table = Files.readAllBytes(folder.resolve("metrics.arrow"));
    for (String end :
        List.of("", "{\"step\":4,\"tokens\":2", "nothing\n", "{\"step\":[1]}\n", "[]")) {
      Files.writeString(folder.resolve("metrics.jsonl"), end, StandardOpenOption.APPEND);
      run(6, 9);
      assertEquals(all, lines());
      assertEquals(
          new String(table, StandardCharsets.ISO_8859_1),
          Files.readString(folder.resolve("metrics.arrow"), StandardCharsets.ISO_8859_1));
    }
    run(1, 3);
    assertEquals(all.subList(0, 4), lines());
  }

  @Test
  void leftoversOfAKilledRunAreDeleted() throws IOException {
    Files.writeString(folder.resolve(".train-plot.png.abc.tmp"), "half");
    Files.writeString(folder.resolve(".metrics.jsonl.abc.tmp"), "half");
    run(1, 1);
    try (var files = Files.list(folder)) {
      assertEquals(
          Set.of("metrics.jsonl", "metrics.arrow"),
          Set.copyOf(files.map(file -> file.getFileName().toString()).toList()));
    }
  }

  @Test
  void drawsOneStepAndMany() throws IOException {
    for (int steps : new int[] {1, 5000}) {
      try (MetricsFolder metrics = MetricsFolder.open(folder, 0)) {
        metrics.plot("nothing yet");
        assertFalse(Files.exists(folder.resolve("train-plot.png")) && steps == 1);
        for (int i = 1; i <= steps; i++) {
          metrics.step(step(i));
        }
        metrics.validated(steps, 64L * steps, 3);
        metrics.plot("a <run> & more, loss 0.12345");
      }
      BufferedImage image = ImageIO.read(folder.resolve("train-plot.png").toFile());
      assertNotNull(image);
      assertEquals(2 * LossChart.WIDTH, image.getWidth());
      assertEquals(2 * LossChart.HEIGHT, image.getHeight());
      Set<Integer> colors = new HashSet<>();
      for (int pixel :
          image.getRGB(0, 0, image.getWidth(), image.getHeight(), null, 0, image.getWidth())) {
        colors.add(pixel & 0xFFFFFF);
      }
      assertTrue(colors.contains(0xE06C00), "the validation's dot");
      assertTrue(colors.contains(0x1F5FBF), "the smoothed loss, or its mark in the legend");
      String page = Files.readString(folder.resolve("train-plot.html"));
      assertTrue(page.contains("<title>a &lt;run&gt; &amp; more, loss 0.12345</title>"), page);
      assertTrue(page.contains(">a &lt;run&gt; &amp; more, loss 0.12345</text>"), "in the chart");
      assertTrue(page.contains(">loss (nats)</text>"), "an axis");
      assertFalse(page.contains("http-equiv") || page.contains("src="), "needs no other file");
      Matcher decimals = Pattern.compile(" d=\"[^\"]*\\.\\d{3}").matcher(page);
      assertFalse(decimals.find(), "coordinates need no three decimals");
    }
  }

  @Test
  void aFolderThatCannotBeWrittenIsAnInputOrOutputFailure() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");
    assertThrows(IOException.class, () -> MetricsFolder.open(file, 0).close());
  }
}
