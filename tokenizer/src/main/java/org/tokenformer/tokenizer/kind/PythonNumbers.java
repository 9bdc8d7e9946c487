package org.tokenformer.tokenizer.kind;

import org.jspecify.annotations.Nullable;

/**
 * Makes JSON that Python writes standard JSON: {@code NaN}, {@code Infinity} and {@code -Infinity}
 * become {@code null}.
 */
public final class PythonNumbers {
  private static final String[] NAMES = {"NaN", "-Infinity", "Infinity"};

  private PythonNumbers() {}

  /** Returns the JSON with these numbers replaced; strings are unchanged. */
  public static String asNull(String json) {
    if (!json.contains("NaN") && !json.contains("Infinity")) {
      return json;
    }
    StringBuilder text = new StringBuilder(json.length());
    boolean quoted = false;
    int i = 0;
    while (i < json.length()) {
      char c = json.charAt(i);
      String name = quoted ? null : nameAt(json, i);
      if (name != null) {
        text.append("null");
        i += name.length();
      } else if (quoted && c == '\\' && i + 1 < json.length()) {
        text.append(c).append(json.charAt(i + 1));
        i += 2;
      } else {
        quoted ^= c == '"';
        text.append(c);
        i++;
      }
    }
    return text.toString();
  }

  private static @Nullable String nameAt(String json, int at) {
    for (String name : NAMES) {
      if (json.startsWith(name, at)) {
        return name;
      }
    }
    return null;
  }
}
