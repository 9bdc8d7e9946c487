package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Phrases that this project used to have and that a native reader stumbles over; the glossary in
 * {@code CONTRIBUTING.md} says what to write instead. Looked for in all pages, sources (messages,
 * help texts, Javadoc) and page templates.
 */
final class WordsTest {
  private static final Path ROOT = Path.of(System.getProperty("project.root", ".."));

  /** One phrase per line; {@code *} stands for the rest of a word. */
  private static final String PHRASES =
      """
      parted by
      parts the document*
      part the document*
      parts documents
      stand* behind
      lie* behind
      one behind the other
      to the same bits
      the same to the bit
      write* on, token
      writes on like
      the first only
      how loud
      comes back from nothing
      come back from nothing
      batches of a step
      a fault of
      hang* on
      go* on learning
      goes on from
      tokens learned from
      share of the
      this share
      a share of
      one line for people
      way back needs
      way forth
      weights of few bits
      keys of zeros
      is not in 0 to
      is not in 1 to
      known are
      as files call it
      anew
      mended
      nothing is learned
      what is learned
      teaches
      the java machine
      lets through
      let through
      cut short
      by whole multiples
      sizes that hurt
      held against
      of so many
      comes along
      a number that is none
      save it anew
      is through with
      goes round a loop
      sound pack
      slip of the finger
      no pack behind
      what its way
      made of them
      hears of
      hears how
      notes what
      as ever
      the wilder
      kept as it is
      stay as they are
      as it lies
      where it lies
      what fired
      takes away
      to be had
      for good
      """;

  private static final List<Pattern> BANNED =
      PHRASES
          .lines()
          .map(phrase -> "\\b" + phrase.replace("*", "\\w*").replace(" ", "\\s+") + "\\b")
          .map(regex -> Pattern.compile(regex, Pattern.CASE_INSENSITIVE))
          .toList();

  private static final Set<String> SKIPPED_FOLDERS = Set.of("target", "test", ".git", "goldens");
  private static final Pattern KINDS =
      Pattern.compile(".*\\.(?:java|md|html|m?js|sh|py|xml)|build|tokenformer");

  /** Line starts of comments and joints of concatenated strings, across which phrases may go. */
  private static final Pattern JOINTS = Pattern.compile("\\n\\s*(?:\\*|//|#)\\s|\"\\s*\\+\\s*\"");

  @Test
  void nobodyStumblesOverOurWords() throws IOException {
    List<String> found = new ArrayList<>();
    for (Path file : files()) {
      String text = Files.readString(file);
      if (file.endsWith("CONTRIBUTING.md")) {
        text = text.replaceFirst("(?s)\n## Words\n.*?(?=\n## |$)", "");
      }
      text = JOINTS.matcher(text).replaceAll(" ");
      for (Pattern phrase : BANNED) {
        Matcher matcher = phrase.matcher(text);
        while (matcher.find()) {
          int from = Math.max(0, matcher.start() - 30);
          int to = Math.min(text.length(), matcher.end() + 30);
          found.add(
              "%s: …%s…"
                  .formatted(ROOT.relativize(file), text.substring(from, to).replace('\n', ' ')));
        }
      }
    }
    assertEquals("", String.join("\n", found));
  }

  private static List<Path> files() throws IOException {
    List<Path> files = new ArrayList<>();
    Files.walkFileTree(
        ROOT,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            String name = String.valueOf(folder.getFileName()).toLowerCase(Locale.ROOT);
            return SKIPPED_FOLDERS.contains(name)
                ? FileVisitResult.SKIP_SUBTREE
                : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (KINDS.matcher(file.getFileName().toString()).matches()) {
              files.add(file);
            }
            return FileVisitResult.CONTINUE;
          }
        });
    return files;
  }
}
