package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.tokenformer.cli.MarkdownPage.Block;
import org.tokenformer.cli.MarkdownPage.Command;

/**
 * Does what README and the pages of {@code docs/} show, as a newcomer would: all {@code console}
 * blocks of a page from top to bottom, in one folder that looks like the checkout. Recipes that
 * take hours are {@code sh} blocks, of which only the commands' names and options are checked.
 */
class DocumentationIT {
  private static final Path ROOT = Path.of(System.getProperty("project.root")).toAbsolutePath();
  private static final String JDK = System.getProperty("java.home");
  private static final Pattern CLASS = Pattern.compile("(?m)^public final class (\\w+)");
  private static final Pattern FILE_NAME = Pattern.compile("\\A# (\\S+\\.py)\n");
  private static final Pattern ARTEFACT =
      Pattern.compile("<artifactId>(.*?)</artifactId>\\s*<version>(.*?)</version>");
  private static final String INTERRUPT = "^C";
  private static final int INTERRUPTED = 130;

  /** A build in the background has its children ignore Ctrl-C; see {@link TrainIT}. */
  private static final String INTERRUPTIBLE =
      """
      if env --default-signal=INT true 2>/dev/null; then
        exec env --default-signal=INT COMMAND
      fi
      exec COMMAND
      """;

  private static final long TIMEOUT_SECONDS = 300;

  @TempDir private Path folder = Path.of("");

  static List<Path> pages() throws IOException {
    try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
      Stream<Path> pages = docs.filter(page -> page.toString().endsWith(".md")).sorted();
      return Stream.concat(Stream.of("README.md", "CONTRIBUTING.md").map(ROOT::resolve), pages)
          .map(ROOT::relativize)
          .toList();
    }
  }

  @ParameterizedTest
  @MethodSource("pages")
  void doesWhatItShows(Path page) throws Exception {
    linkCheckout();
    writePrograms(MarkdownPage.read(ROOT.resolve("README.md")));
    MarkdownPage shown = MarkdownPage.read(ROOT.resolve(page));
    writePrograms(shown);
    for (Block block : shown.blocks("console")) {
      for (Command command : block.commands()) {
        run(page, command);
      }
    }
  }

  /** The entries of the checkout as links, so that what a page makes stays in this folder. */
  private void linkCheckout() throws IOException {
    try (Stream<Path> entries = Files.list(ROOT)) {
      for (Path entry : entries.toList()) {
        Files.createSymbolicLink(folder.resolve(ROOT.relativize(entry)), entry);
      }
    }
  }

  /** Removes the links, about which JUnit would warn. */
  @AfterEach
  void unlinkCheckout() throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      for (Path entry : entries.filter(Files::isSymbolicLink).toList()) {
        Files.delete(entry);
      }
    }
  }

  /** The programs of a page as files, under the names that its commands use. */
  private void writePrograms(MarkdownPage page) throws IOException {
    for (Block block : page.blocks("java")) {
      Matcher name = CLASS.matcher(block.text());
      String file = name.find() ? name.group(1) + ".java" : "module-info.java";
      Files.writeString(folder.resolve(file), block.text());
    }
    for (Block block : page.blocks("python")) {
      Matcher name = FILE_NAME.matcher(block.text());
      assertTrue(name.find(), block.text());
      Files.writeString(folder.resolve(name.group(1)), block.text());
    }
  }

  private void run(Path page, Command command) throws Exception {
    if (command.text().equals("./build") || command.text().startsWith("./build ")) {
      assertTrue(Files.isExecutable(folder.resolve("build"))); // which is running this test
      return;
    }
    int interrupt = command.output().indexOf(INTERRUPT);
    String script =
        interrupt >= 0 ? INTERRUPTIBLE.replace("COMMAND", command.text()) : command.text();
    Shell.Running running = shell().start(script, List.of());
    if (interrupt >= 0) {
      interruptAfter(running, new ShownOutput(command.output().subList(0, interrupt)));
    }
    Shell.Result result = running.await(TIMEOUT_SECONDS);
    String where = "%s, line %d: %s%n".formatted(page, command.line(), command.text());
    assertEquals(interrupt >= 0 ? INTERRUPTED : 0, result.code(), where + result.err());
    List<String> shown = command.output().stream().filter(l -> !l.equals(INTERRUPT)).toList();
    ShownOutput output = new ShownOutput(shown);
    if (!shown.isEmpty() && !output.matches(result.out()) && !output.endsAs(result.err())) {
      fail(
          "%sshows%n%s%nbut printed%n%s%n%s"
              .formatted(where, String.join("\n", shown), result.out(), result.err()));
    }
  }

  private Shell shell() {
    return new Shell(folder)
        .with("TF_JAVA_HOME", JDK)
        .with("PATH", JDK + "/bin" + File.pathSeparator + System.getenv("PATH"));
  }

  /** Presses Ctrl-C once the command has printed what is shown before. */
  private static void interruptAfter(Shell.Running running, ShownOutput before) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
    while (running.process().isAlive()
        && System.nanoTime() < deadline
        && !before.isWithin(Files.readString(running.err()))) {
      TimeUnit.MILLISECONDS.sleep(100);
    }
    new ProcessBuilder("kill", "-INT", "" + running.process().pid()).start().waitFor();
  }

  @ParameterizedTest
  @MethodSource("pages")
  void namesCommandsAndOptionsThatExist(Path page) throws Exception {
    for (Block block : MarkdownPage.read(ROOT.resolve(page)).blocks("sh")) {
      for (String line : block.text().replace("\\\n", " ").lines().toList()) {
        String[] words = line.replaceFirst("#.*", "").strip().split("\\s+");
        if (words[0].contains("/")) {
          assertTrue(Files.exists(ROOT.resolve(words[0])), page + ": " + line);
        }
        if (words[0].equals("./tokenformer")) {
          CommandLineHarness.Result help = CommandLineHarness.run(words[1], "--help");
          assertEquals(0, help.code(), page + ": " + line);
          for (String word : List.of(words).subList(2, words.length)) {
            assertTrue(!word.startsWith("-") || names(help.out(), word), page + ": " + line);
          }
        }
      }
    }
  }

  /** Returns whether a help text has an option, not only a longer one that starts alike. */
  private static boolean names(String help, String option) {
    String name = Pattern.quote(option.replaceFirst("=.*", ""));
    return Pattern.compile("(?<![\\w-])" + name + "(?![\\w-])").matcher(help).find();
  }

  @Test
  void theProgramWorksAsTheModuleThatThePageShows() throws Exception {
    linkCheckout();
    writePrograms(MarkdownPage.read(ROOT.resolve("docs/embedding.md")));
    writePrograms(MarkdownPage.read(ROOT.resolve("README.md")));
    Shell.Result result =
        shell()
            .run(
                """
                set -e
                mkdir source source/story
                mv module-info.java source
                { echo 'package story;'; cat Story.java; } >source/story/Story.java
                javac -p cli/target/lib -d story source/module-info.java source/story/Story.java
                java -p cli/target/lib:story --add-modules jdk.incubator.vector \
                  --enable-native-access=org.tokenformer.engine \
                  -m story/story.Story cli/src/main/storyteller
                """);
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().length() > 20, result.out());
  }

  @Test
  void theCoordinatesAreThoseOfTheModules() throws Exception {
    Block dependencies = MarkdownPage.read(ROOT.resolve("docs/embedding.md")).blocks("xml").get(0);
    Matcher artefact = ARTEFACT.matcher(dependencies.text());
    int found = 0;
    while (artefact.find()) {
      Path jar = Path.of("cli/target/lib", artefact.group(1) + "-" + artefact.group(2) + ".jar");
      assertTrue(Files.exists(ROOT.resolve(jar)), jar.toString());
      found++;
    }
    assertEquals(2, found);
  }
}
