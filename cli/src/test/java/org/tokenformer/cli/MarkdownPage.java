package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The fenced code blocks of a Markdown page.
 *
 * @param blocks in the order of the page
 */
record MarkdownPage(List<Block> blocks) {
  private static final String FENCE = "```";
  private static final String PROMPT = "$ ";

  /**
   * A code block.
   *
   * @param language after the opening fence, such as {@code java}
   * @param line number of its first line in the page, from 1
   */
  record Block(String language, List<String> lines, int line) {
    String text() {
      return String.join("\n", lines) + "\n";
    }

    /** The commands of a {@code console} block; a backslash continues one on the next line. */
    List<Command> commands() {
      List<Command> commands = new ArrayList<>();
      for (int i = 0; i < lines.size(); i++) {
        if (lines.get(i).startsWith(PROMPT)) {
          int first = i;
          StringBuilder text = new StringBuilder(lines.get(i).substring(PROMPT.length()));
          while (text.charAt(text.length() - 1) == '\\') {
            i++;
            text.append('\n').append(lines.get(i));
          }
          commands.add(new Command(text.toString(), new ArrayList<>(), line + first));
        } else {
          commands.getLast().output().add(lines.get(i));
        }
      }
      return commands;
    }
  }

  /**
   * A command with the output that the page shows.
   *
   * @param line number in the page, from 1
   */
  record Command(String text, List<String> output, int line) {}

  static MarkdownPage read(Path file) throws IOException {
    List<String> lines = Files.readAllLines(file);
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).startsWith(FENCE)) {
        int end = i + 1;
        while (end < lines.size() && !lines.get(end).equals(FENCE)) {
          end++;
        }
        if (end == lines.size()) {
          throw new IllegalArgumentException(file + ": no end of the block in line " + (i + 1));
        }
        String language = lines.get(i).substring(FENCE.length());
        blocks.add(new Block(language, lines.subList(i + 1, end), i + 2));
        i = end;
      } else if (lines.get(i).strip().startsWith(FENCE)) { // would not be checked
        throw new IllegalArgumentException(file + ": an indented block in line " + (i + 1));
      }
    }
    return new MarkdownPage(blocks);
  }

  List<Block> blocks(String language) {
    return blocks.stream().filter(block -> block.language().equals(language)).toList();
  }
}
