package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.AtomicFolder;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.tokenizer.StreamDecoder;
import org.tokenformer.tokenizer.Tokenizer;

/** The library examples of the README: they compile, they run, they are what the README shows. */
final class ReadmeExampleTest {
  private static final Path ROOT = Path.of(System.getProperty("project.root", ".."));

  private static void example(Path folder, PrintStream out) throws IOException {
    // README
    Tokenizer tokenizer = Tokenizer.load(folder.resolve("tokenizer.json"));
    try (LanguageModel model = LanguageModel.load(folder)) {
      StreamDecoder text = tokenizer.newStreamDecoder("The end");
      model.generate(
          tokenizer.encode("Once upon a time"),
          GenerationOptions.of(60).sampledBy(SamplingOptions.defaults().withSeed(7)),
          id -> {
            out.print(text.accept(id));
            return !text.stopped();
          });
      out.print(text.finish());
    }
    // README
  }

  private static void streamExample(Path folder, Tokenizer tokenizer, PrintStream out)
      throws IOException {
    // README
    try (LanguageModel model = LanguageModel.load(folder);
        IntStream ids = model.stream(tokenizer.encode("A king"), GenerationOptions.of(20))) {
      StreamDecoder text = tokenizer.newStreamDecoder();
      ids.mapToObj(text::accept).forEachOrdered(out::print);
      out.print(text.finish());
    }
    // README
  }

  @Test
  void theyRun(@TempDir Path temporary) throws IOException {
    Path tokenizer = ROOT.resolve("testdata/goldens/softmax/tokenizer.json");
    Path folder = temporary.resolve("model");
    LayerSizes layer = new LayerSizes(16, 16, 32);
    TokenFormerConfig config =
        new TokenFormerConfig(
            16, 2, List.of(layer), 512, 500, 128, Theta.SOFTMAX, Map.of(), 1, 10000, 1e-5f, true);
    var weights =
        RandomWeights.create(config, InitialValues.RELEASED, WeightType.F32, 1, Arena.ofAuto());
    ModelFolder.save(
        folder, AtomicFolder.IfExists.REFUSE, config, List.copyOf(weights.values()), tokenizer);
    assertTrue(printed(out -> example(folder, out)).length() > 60);
    Tokenizer loaded = Tokenizer.load(tokenizer);
    assertNotEquals("", printed(out -> streamExample(folder, loaded, out)));
  }

  /** An example, ready to run. */
  private interface Example {
    void run(PrintStream out) throws IOException;
  }

  private static String printed(Example example) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      example.run(out);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void theyAreWhatTheReadmeShows() throws IOException {
    String readme = Files.readString(ROOT.resolve("README.md"));
    Path source = Path.of("cli/src/test/java/org/tokenformer/cli/ReadmeExampleTest.java");
    String[] compiled = Files.readString(ROOT.resolve(source)).split("// README\n", -1);
    String[] shown = readme.split("```java\n", -1);
    assertEquals(compiled.length / 2, shown.length - 1);
    for (int i = 1; i < shown.length; i++) {
      assertEquals(shown[i].split("```", -1)[0].strip(), compiled[2 * i - 1].stripIndent().strip());
    }
  }
}
