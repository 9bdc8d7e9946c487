package org.tokenformer.tokenizer.kind;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Recognises CSV and TSV with a header: the first line is a list of names, and every record has as
 * many cells as it. Prose does not: it has a space after each comma, and lines with different
 * numbers of them.
 */
final class TableText {
  private static final Pattern NAME =
      Pattern.compile("[\\p{L}_](?:[\\p{L}\\p{M}\\p{N}_ .()/#%-]{0,38}[\\p{L}\\p{M}\\p{N}_)#%])?");

  /** Names of columns that one record is enough for. */
  private static final Set<String> USUAL =
      Set.of(
          "text",
          "content",
          "body",
          "story",
          "document",
          "sentence",
          "title",
          "id",
          "label",
          "prompt",
          "completion",
          "question",
          "answer",
          "instruction",
          "input",
          "output",
          "author");

  private static final int MAX_RECORDS = 100;
  private static final int ENOUGH = 3;

  private final String text;
  private final char separator;
  private final boolean quotes;
  private int at;
  private boolean anyQuoted;

  private TableText(String text, char separator, boolean quotes) {
    this.text = text;
    this.separator = separator;
    this.quotes = quotes;
  }

  /** Returns the kind of a text that begins as a table does, or null. */
  static @Nullable FileKind kind(String head) {
    FileKind kind = kind(head, ',', true, "CSV");
    kind = kind == null ? kind(head, '\t', true, "TSV") : kind;
    kind = kind == null ? kind(head, '\t', false, "TSV") : kind;
    return kind == null ? kind(head, ';', true, "CSV") : kind;
  }

  private static @Nullable FileKind kind(String head, char separator, boolean quotes, String what) {
    List<String> header = new TableText(head, separator, quotes).header();
    return header == null
        ? null
        : new FileKind(
            "looks like %s with the columns %s".formatted(what, FileKind.listed(header)),
            "write a column of texts to a text file first (docs/datasets.md shows how)",
            true);
  }

  private @Nullable List<String> header() {
    List<String> header = record();
    if (header == null || !areNames(header)) {
      return null;
    }
    int records = 0;
    while (at < text.length() && records < MAX_RECORDS) {
      List<String> record = record();
      if (record == null || (at == text.length() && !text.endsWith("\n"))) {
        break; // it may be cut
      }
      boolean blank = record.size() == 1 && record.getFirst().isEmpty();
      if (record.size() != header.size() && !blank) {
        return null;
      }
      records += blank ? 0 : 1;
    }
    return isEnough(header, records) ? header : null;
  }

  private boolean isEnough(List<String> header, int records) {
    boolean usual = header.stream().anyMatch(name -> USUAL.contains(name.toLowerCase(Locale.ROOT)));
    return header.size() == 1 ? usual && records > 0 && anyQuoted : records >= (usual ? 1 : ENOUGH);
  }

  /** The first name may be empty, as that of the row numbers which pandas writes. */
  private static boolean areNames(List<String> cells) {
    for (int i = 0; i < cells.size(); i++) {
      boolean rowNumbers = i == 0 && cells.size() > 1 && cells.getFirst().isEmpty();
      if (!rowNumbers && !NAME.matcher(cells.get(i)).matches()) {
        return false;
      }
    }
    return new HashSet<>(cells).size() == cells.size();
  }

  /** Returns the cells of the next record, or null if it is not well-formed. */
  private @Nullable List<String> record() {
    List<String> cells = new ArrayList<>();
    while (true) {
      String cell = quotes && at < text.length() && text.charAt(at) == '"' ? quoted() : bare();
      if (cell == null) {
        return null;
      }
      cells.add(cell);
      if (at == text.length()) {
        return cells;
      }
      char end = text.charAt(at++);
      if (end == '\n') {
        return cells;
      }
    }
  }

  private String bare() {
    int start = at;
    while (at < text.length() && text.charAt(at) != separator && text.charAt(at) != '\n') {
      at++;
    }
    boolean carriageReturn = at > start && text.charAt(at - 1) == '\r';
    return text.substring(start, carriageReturn ? at - 1 : at);
  }

  /** Returns a cell in quotes, or null if anything but a separator follows it. */
  private @Nullable String quoted() {
    int start = ++at;
    while (at < text.length()) {
      if (text.charAt(at) == '"') {
        if (text.startsWith("\"\"", at)) {
          at++;
        } else {
          String cell = text.substring(start, at++);
          anyQuoted = true;
          return bare().isEmpty() ? cell : null;
        }
      }
      at++;
    }
    return null;
  }
}
