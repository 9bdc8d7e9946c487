package org.tokenformer.cli;

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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.docs.Conversation;
import org.tokenformer.cli.docs.LazyStory;
import org.tokenformer.cli.docs.Story;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.AtomicFolder;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.RandomWeights;

/** The Java programs of README and docs: they compile, run, and are what the pages show. */
final class DocumentedProgramsTest {
  private static final Path ROOT = Path.of(System.getProperty("project.root", ".."));
  private static final Map<String, String> PAGES =
      Map.of(
          "Story", "README.md",
          "LazyStory", "docs/embedding.md",
          "Conversation", "docs/embedding.md");

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
    String[] arguments = {folder.toString()};
    assertTrue(printed(() -> Story.main(arguments)).length() > 60);
    assertNotEquals("", printed(() -> LazyStory.main(arguments)).strip());
    String conversation = printed(() -> Conversation.main(arguments));
    assertTrue(conversation.startsWith("There was once a king"), conversation);
    assertTrue(conversation.contains(" And the king's daughter"), conversation);
  }

  /** A program, ready to run. */
  private interface Program {
    void run() throws IOException;
  }

  private static String printed(Program program) throws IOException {
    PrintStream before = System.out;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
      System.setOut(out);
      program.run();
    } finally {
      System.setOut(before);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void theyAreWhatThePagesShow() throws IOException {
    Path folder = ROOT.resolve("cli/src/test/java/org/tokenformer/cli/docs");
    for (Map.Entry<String, String> entry : PAGES.entrySet()) {
      String source = Files.readString(folder.resolve(entry.getKey() + ".java"));
      String program = source.substring(source.indexOf("import "));
      MarkdownPage page = MarkdownPage.read(ROOT.resolve(entry.getValue()));
      assertTrue(
          page.blocks("java").stream().anyMatch(block -> block.text().equals(program)),
          () -> entry.getValue() + " does not show " + entry.getKey() + ".java");
    }
  }
}
