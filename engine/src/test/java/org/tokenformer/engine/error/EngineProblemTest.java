package org.tokenformer.engine.error;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.engine.Backends;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.engine.grow.GrowthPlan;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.Presets;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.files.Fields;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.train.GrowthOptions.Stage;
import org.tokenformer.engine.train.Schedule;

/** The accessors of exceptions give programs what the messages tell users. */
final class EngineProblemTest {
  private static void problem(
      String field, String value, String allowed, String line, Executable action) {
    EngineProblem problem =
        assertInstanceOf(EngineProblem.class, assertThrows(Exception.class, action));
    assertEquals(
        List.of(field, value, allowed, line),
        List.of(
            "" + problem.field(),
            "" + problem.value(),
            "" + problem.allowed(),
            "" + problem.getMessage()));
  }

  @Test
  void wrongValues() {
    problem(
        "max_tokens",
        "-1",
        "at least 0",
        "max_tokens must be at least 0, not -1",
        () -> GenerationOptions.of(-1));
    problem(
        "top_p",
        "1.5",
        "above 0 and at most 1",
        "top_p must be above 0 and at most 1, not 1.5",
        () -> new SamplingOptions(1, 0, 1.5, 0, 1, 0));
    problem(
        "threads",
        "0",
        "between 1 and 1024",
        "threads must be between 1 and 1024, not 0",
        () -> Backends.open("auto", 0));
    problem(
        "min_lr",
        "1.0",
        "between 0 and the learning rate of 0.01",
        "min_lr must be between 0 and the learning rate of 0.01, not 1.0",
        () -> new Schedule(8, 0, 0.01, 1));
    problem(
        "tokens",
        "'x'",
        "a percentage such as 50%",
        "tokens must be a percentage such as 50%, not 'x'",
        () -> TokenFraction.parse("x"));
  }

  @Test
  void whereNoRangeCanBeNamed() {
    problem(
        "batch",
        "16777217",
        "null",
        "batch: 16777217 sequences of length 1 exceed 16777216 tokens; use a smaller batch and"
            + " accumulate",
        () -> new TrainingShape((1 << 24) + 1, 1, false));
    problem(
        "preset",
        "7B",
        "null",
        "preset: '7B' is unknown; choose one of " + String.join(", ", Presets.names()),
        () -> Presets.get("7B"));
    problem(
        "backend",
        "cuda",
        "null",
        "backend: 'cuda' is unknown; use auto, scalar or vector",
        () -> Backends.open("cuda", 1));
  }

  @Test
  void partsOfLargerFields() {
    problem(
        "grow_at",
        "3:layers=0",
        "a number of layers between 1 and 4096",
        "grow_at: 3:layers=0: layers must be a number of layers between 1 and 4096, not '0'",
        () -> Stage.parse("3:layers=0"));
    ConfigException layer =
        assertThrows(
            ConfigException.class,
            () -> GrowthPlan.parse("ffn=99@7").target(Presets.get("laptop-7M")));
    assertEquals("ffn", layer.field());
    assertEquals("99@7", layer.value());
    assertEquals("--ffn=99@7: there is no layer 7; the layers are 0 to 5", layer.withName("--ffn"));
    ConfigException nothing =
        assertThrows(ConfigException.class, () -> new GrowthPlan(List.of(), 0));
    assertNull(nothing.field());
    assertEquals(nothing.getMessage(), nothing.withName("--ffn"));
  }

  @Test
  void fieldsOfFiles(@TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("a.json"), "{\"n\": \"many\"}");
    Fields fields = Fields.of(file);
    problem(
        "n",
        "'many'",
        "null",
        file + ": n: 'many' is not a whole number",
        () -> fields.integer("n"));
    problem("m", "null", "null", file + ": m: is missing", () -> fields.integer("m"));
    ConfigException wrong = ConfigException.notAllowed("min_lr", 2.0, "between 0 and 1");
    problem(
        "min_lr",
        "2.0",
        "between 0 and 1",
        file + ": min_lr must be between 0 and 1, not 2.0",
        () -> {
          throw ModelFormatException.of(file, wrong);
        });
  }

  @Test
  void everyPublicExceptionOfTheEngineIsOne() {
    for (JavaClass type :
        new ClassFileImporter()
            .withImportOption(new DoNotIncludeTests())
            .importPackages("org.tokenformer.engine")) {
      boolean seen = type.getModifiers().contains(JavaModifier.PUBLIC);
      if (seen && type.isAssignableTo(Throwable.class)) {
        assertEquals(true, type.isAssignableTo(EngineProblem.class), type.getName());
      }
    }
  }
}
