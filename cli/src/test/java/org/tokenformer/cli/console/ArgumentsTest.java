package org.tokenformer.cli.console;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

class ArgumentsTest {
  private static final String[] ARGUMENTS = {"generate", "", "a\uFFFDb"};

  @Test
  void theReplacementCharacterIsText() {
    byte[] raw = "java\0Main\0generate\0\0a\uFFFDb\0".getBytes(UTF_8);
    assertNull(Arguments.firstInvalid(ARGUMENTS, raw));
  }

  @Test
  void bytesThatJavaReplacedAreFound() {
    byte[] raw = "java\0Main\0generate\0\0a\u00FFb\0".getBytes(ISO_8859_1);
    assertEquals("a\uFFFDb", Arguments.firstInvalid(ARGUMENTS, raw));
  }

  @Test
  void whereTheBytesAreNotShownItCountsAsInvalid() {
    assertEquals("a\uFFFDb", Arguments.firstInvalid(ARGUMENTS, new byte[0]));
    assertNull(Arguments.firstInvalid(new String[] {"generate", "é"}, new byte[0]));
  }
}
