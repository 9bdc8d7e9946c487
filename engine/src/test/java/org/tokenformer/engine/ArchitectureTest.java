package org.tokenformer.engine;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Checks the dependencies between packages, which are listed in reading order: each package may use
 * only those named for it here.
 */
@AnalyzeClasses(packages = "org.tokenformer.engine", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String ROOT = "org.tokenformer.engine";
  private static final int MAX_FILES = 30;

  @ArchTest static final ArchRule ERROR = mayUse("error");

  @ArchTest static final ArchRule TENSOR = mayUse("tensor");

  @ArchTest static final ArchRule BACKEND = mayUse("backend", "tensor");

  @ArchTest static final ArchRule SCALAR = mayUse("backend.scalar", "tensor", "backend");

  @ArchTest static final ArchRule VECTOR = mayUse("backend.vector", "tensor", "backend");

  @ArchTest static final ArchRule CUDA = mayUse("backend.cuda", "tensor", "backend");

  @ArchTest static final ArchRule CHECKPOINT = mayUse("checkpoint", "tensor");

  @ArchTest static final ArchRule MODEL = mayUse("model", "tensor", "backend", "checkpoint");

  @ArchTest
  static final ArchRule FILES = mayUse("model.files", "tensor", "backend", "checkpoint", "model");

  @ArchTest
  static final ArchRule TRAINING =
      mayUse("model.training", "tensor", "backend", "checkpoint", "model", "model.files");

  @ArchTest
  static final ArchRule GROW =
      mayUse("grow", "tensor", "backend", "checkpoint", "model", "model.files", "model.training");

  @ArchTest
  static final ArchRule TRAIN =
      mayUse(
          "train",
          "tensor",
          "backend",
          "checkpoint",
          "model",
          "model.files",
          "model.training",
          "grow");

  @ArchTest static final ArchRule GENERATE = mayUse("generate", "tensor", "backend", "model");

  @ArchTest
  static final ArchRule MEASURE =
      mayUse(
          "measure",
          "tensor",
          "backend",
          "backend.scalar",
          "backend.vector",
          "checkpoint",
          "model",
          "model.files",
          "model.training",
          "grow",
          "train",
          "generate");

  @ArchTest
  static final ArchRule ALL_PACKAGES_ARE_IN_THE_TABLE =
      classes()
          .should()
          .resideInAnyPackage(
              Stream.concat(
                      Stream.of(ROOT),
                      Stream.of(
                              "error",
                              "tensor",
                              "backend",
                              "backend.scalar",
                              "backend.vector",
                              "backend.cuda",
                              "checkpoint",
                              "model",
                              "model.files",
                              "model.training",
                              "grow",
                              "train",
                              "generate",
                              "measure")
                          .map(ArchitectureTest::full))
                  .toArray(String[]::new));

  @ArchTest
  static final ArchRule SIMD_IS_IN_ONE_PACKAGE =
      noClasses()
          .that()
          .resideOutsideOfPackage(full("backend.vector"))
          .should()
          .dependOnClassesThat(resideInAPackage("jdk.incubator.vector.."))
          .allowEmptyShould(true);

  @ArchTest
  static final ArchRule DOWNCALLS_ARE_IN_TWO_PACKAGES =
      noClasses()
          .that()
          .resideOutsideOfPackages(full("backend.cuda"), full("backend.vector"))
          .should()
          .dependOnClassesThat(
              assignableTo("java.lang.foreign.Linker")
                  .or(assignableTo("java.lang.foreign.SymbolLookup")))
          .allowEmptyShould(true);

  @ArchTest
  static final ArchRule ONLY_GSON_FROM_OUTSIDE_THE_JDK =
      classes()
          .should()
          .onlyDependOnClassesThat(
              resideInAnyPackage(
                  ROOT + "..",
                  "java..",
                  "jdk.incubator.vector..",
                  "com.google.gson..",
                  "org.jspecify.annotations..",
                  "com.google.errorprone.annotations.."));

  /** Only kernels and file formats may have larger packages; others would mix several topics. */
  @ArchTest
  static void packagesAreSmall(JavaClasses classes) {
    Map<String, Long> files =
        classes.stream()
            .filter(JavaClass::isTopLevelClass)
            .collect(Collectors.groupingBy(JavaClass::getPackageName, Collectors.counting()));
    files.keySet().removeAll(Set.of(full("backend.vector"), full("checkpoint")));
    files.forEach((name, count) ->
        assertTrue(
            count <= MAX_FILES,
            name + " has " + count + " source files; a package may have at most " + MAX_FILES));
  }

  /** The package may use itself, the named packages, errors, and all code outside the engine. */
  private static ArchRule mayUse(String name, String... others) {
    List<String> allowed =
        Stream.concat(Stream.of(name, "error"), Stream.of(others))
            .map(ArchitectureTest::full)
            .toList();
    DescribedPredicate<JavaClass> forbidden =
        describe(
            "are in a package of the engine other than " + allowed,
            type ->
                type.getPackageName().startsWith(ROOT) && !allowed.contains(type.getPackageName()));
    return noClasses()
        .that()
        .resideInAPackage(full(name))
        .should()
        .dependOnClassesThat(forbidden)
        .allowEmptyShould(true);
  }

  private static String full(String name) {
    return ROOT + "." + name;
  }
}
