package org.tokenformer.cli;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Tokenizer and engine do not know each other; only the command line sees both. */
@AnalyzeClasses(packages = "org.tokenformer", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String ENGINE = "org.tokenformer.engine..";
  private static final String TOKENIZER = "org.tokenformer.tokenizer..";
  private static final String DATASET = "org.tokenformer.tokenizer.dataset..";
  private static final String CLI = "org.tokenformer.cli..";
  private static final String CONSOLE = "org.tokenformer.cli.console..";

  @ArchTest static final ArchRule ENGINE_KNOWS_NO_TEXT = mayNotUse(ENGINE, TOKENIZER, CLI);

  @ArchTest static final ArchRule TOKENIZER_KNOWS_NO_MODEL = mayNotUse(TOKENIZER, ENGINE, CLI);

  @ArchTest
  static final ArchRule ONLY_DATASETS_SEE_ARROW =
      noClasses()
          .that()
          .resideOutsideOfPackage(DATASET)
          .should()
          .dependOnClassesThat(
              resideInAnyPackage("org.apache.arrow..", "com.google.flatbuffers.."));

  @ArchTest
  static final ArchRule TEXT_TO_IDS_KNOWS_NO_DATASETS =
      mayNotUse("org.tokenformer.tokenizer", DATASET);

  @ArchTest
  static final ArchRule CONSOLE_KNOWS_NO_COMMAND =
      mayNotUse(CONSOLE, ENGINE, TOKENIZER, "org.tokenformer.cli", "picocli..");

  @ArchTest
  static final ArchRule ONLY_THE_COMMAND_LINE_PARSES_ARGUMENTS_AND_YAML =
      noClasses()
          .that()
          .resideOutsideOfPackage(CLI)
          .should()
          .dependOnClassesThat(resideInAnyPackage("picocli..", "org.snakeyaml.."));

  @ArchTest
  static final ArchRule THE_COMMAND_LINE_COMPUTES_NOTHING =
      noClasses()
          .that()
          .resideInAPackage(CLI)
          .should()
          .dependOnClassesThat(resideInAnyPackage("jdk.incubator.vector..", "java.lang.foreign.."))
          .because("commands parse and print; algorithms live in engine and tokenizer");

  /** Names of packages that have no class yet are fine. */
  private static ArchRule mayNotUse(String those, String... others) {
    return noClasses()
        .that()
        .resideInAPackage(those)
        .should()
        .dependOnClassesThat(resideInAnyPackage(others))
        .allowEmptyShould(true);
  }
}
