package org.tokenformer.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests which patterns are supported. The goldens test that they split text as HF does. */
class PatternSyntaxTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        "a{3}b{1,2}c{2,}",
        "[+-/]",
        "[a-]",
        "[-a]",
        "[\\]\\-&^]",
        "(?:a|b)?c",
        "(?=a)b",
        "a*?b++c?+"
      })
  void supported(String pattern) {
    assertNull(PatternSyntax.problem(pattern));
    assertNotNull(RegexSplitter.compile(pattern));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "a*",
        "a|",
        "(a)?",
        "(?=a)",
        "a{0,3}",
        "a{2,1}",
        "a{5000}",
        "a{1,2}+",
        "a{,2}",
        "a**",
        "(a)*",
        "(a){2}",
        "(a+)+",
        "(?!a)?b",
        ".",
        "^a",
        "a$",
        "a^",
        "\\w",
        "\\b",
        "\\h",
        "\\u0041",
        "\\x41",
        "\\1",
        "\\",
        "\\p{Greek}",
        "\\p{IsL}",
        "\\pL",
        "\\p{L",
        "[",
        "[]",
        "[]a]",
        "[a",
        "[a[b]]",
        "[a&&b]",
        "[b-a]",
        "[z-\\s]",
        "[a-]b-]c-[",
        "(",
        "(a",
        "a)",
        "(?<n>a)",
        "(?<=a)b",
        "(?>a)",
        "(?i)a",
        "(?i:é)",
        "(?i:[^a])",
        "(?i:\\p{L})",
        "(?x: a)",
        "{",
        "}",
        "]",
        "?",
        "+a",
        "\\ a",
        "\uD800"
      })
  void refused(String pattern) {
    assertNotNull(PatternSyntax.problem(pattern), pattern);
  }

  @Test
  void saysWhy() {
    assertEquals("\"\\w\" at 1 is not supported", PatternSyntax.problem("a\\w"));
    assertEquals("it can match the empty string", PatternSyntax.problem("a|b*"));
    assertEquals("it is longer than 4096 characters", PatternSyntax.problem("a".repeat(4097)));
    assertNotNull(PatternSyntax.problem("(".repeat(2000) + "a" + ")".repeat(2000)));
  }

  /** java.util.regex compiles every supported pattern. */
  @Test
  void anyPattern() {
    Random random = TestFiles.random();
    String[] parts = {
      "a", "b", "-", "\\s", "\\p{L}", "[", "]", "^", "(", ")", "(?:", "(?i:", "(?!", "|", "?", "*",
      "+", "{2}", "{1,3}", "\\]", "\\-", "&", " ", "é", "#", "'"
    };
    int supported = 0;
    for (int i = 0; i < 200_000; i++) {
      StringBuilder pattern = new StringBuilder();
      for (int n = random.nextInt(8); n >= 0; n--) {
        pattern.append(parts[random.nextInt(parts.length)]);
      }
      if (PatternSyntax.problem(pattern.toString()) == null) {
        supported++;
        assertNotNull(RegexSplitter.compile(pattern.toString()));
      }
    }
    assertTrue(supported > 1000, supported + " supported");
  }
}
