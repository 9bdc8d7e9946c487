package org.tokenformer.tokenizer.kind;

import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A kind of file that is not plain text.
 *
 * @param what the kind, with a verb: "is a gzip file"
 * @param advice what to do to get at its text
 * @param readable whether it may be UTF-8 text nonetheless
 */
public record FileKind(String what, String advice, boolean readable) {
  /** Number of bytes at the start of a file that are looked at. */
  public static final int HEAD = 1 << 16;

  /** A binary file has at least one NUL byte among this many bytes. */
  private static final int MANY_NULS = 100;

  private static final Pattern HTML =
      Pattern.compile("\\s*<(?:!doctype\\s+html|html)\\b.*", Pattern.CASE_INSENSITIVE);

  /** Returns the kind of a file that is not plain text: of any kind; null if it may be text. */
  public static @Nullable FileKind of(byte[] head, int length) {
    FileKind kind = ofEncoded(head, length);
    return kind != null ? kind : ofStructured(new String(head, 0, length, StandardCharsets.UTF_8));
  }

  /**
   * Returns the kind of a file whose content must be decoded before it is text: compressed, binary,
   * in another character encoding, or not there at all; otherwise null.
   */
  public static @Nullable FileKind ofEncoded(byte[] head, int length) {
    FileKind kind = Signature.kind(head, length);
    if (kind != null) {
      return kind;
    }
    String charset = WideText.charset(head, length);
    if (charset != null) {
      return new FileKind("looks like text in " + charset, convertFrom(charset), true);
    }
    return hasManyNuls(head, length)
        ? new FileKind("has many NUL bytes, as binary files have", "name a text", true)
        : null;
  }

  /** A few NUL bytes may also be in a text that was damaged or extracted from something else. */
  private static boolean hasManyNuls(byte[] head, int length) {
    int nuls = 0;
    for (int i = 0; i < length; i++) {
      nuls += head[i] == 0 ? 1 : 0;
    }
    return nuls > length / MANY_NULS;
  }

  private static @Nullable FileKind ofStructured(String head) {
    Matcher html = HTML.matcher(firstLine(head));
    if (html.matches()) {
      return new FileKind(
          "looks like HTML", "extract its text first, for example with 'pandoc -t plain'", true);
    }
    FileKind json = JsonText.kind(head);
    return json != null ? json : TableText.kind(head);
  }

  private static String firstLine(String text) {
    return text.stripLeading().lines().findFirst().orElse("");
  }

  /** Returns what to do with a text in another encoding. */
  static String convertFrom(String charset) {
    return "convert it to UTF-8 first, for example with 'iconv -f %s -t UTF-8'".formatted(charset);
  }

  /** Returns names from a file for a message: a few of them, without control characters. */
  static String listed(Iterable<String> names) {
    StringBuilder text = new StringBuilder();
    int count = 0;
    for (String name : names) {
      if (++count > 8) {
        return text.append(" …").toString();
      }
      text.append(count > 1 ? ", " : "").append(plain(name));
    }
    return text.toString();
  }

  private static String plain(String name) {
    String plain = name.replaceAll("[^\\p{L}\\p{N}\\p{P}\\p{S} ]", "?");
    return plain.length() > 40 ? plain.substring(0, 40) + "…" : plain;
  }
}
