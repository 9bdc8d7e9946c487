package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class ShownOutputTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        // White space and wildcards.
        "a b c           | 'a  b\nc\n'          | true",
        "a b             | a b c                | false",
        "a b c           | a b                  | false",
        "a … c           | a b b c              | true",
        "a … c           | a c                  | true",
        "a … c           | a b c d              | false",
        "… b c           | b b b c              | true",
        "a…c             | abbc                 | true",
        "a…c             | abbd                 | false",
        "1 of … x        | 2 of 3 x             | false",
        "(a.b)*          | (a.b)*               | true",
        "a.b             | axb                  | false",
        // Whole numbers, and decimals of one or two places, are equal.
        "step 12         | step 12              | true",
        "step 12         | step 13              | false",
        "1,234 ids       | 1,235 ids            | false",
        "8.1M            | 8.1M                 | true",
        "8.1M            | 8.2M                 | false",
        "change 0.0      | change 0.05          | false",
        "12.3 s          | 12.4 s               | false",
        // More places are nearly equal, whatever follows.
        "loss 5.7759     | loss 5.7760          | true",
        "loss 5.7759     | loss 5.8759          | false",
        "3.456 smoothed  | 9.456 smoothed       | false",
        "3.4567 min      | 4.4567 min           | false",
        "-0.3257077      | -0.32571             | true",
        "-0.3257077      | 0.3257077            | false",
        "0.9990          | 1.0000               | true",
        "3.000e-4        | 3.001e-4             | true",
        "3.000e-4        | 4.900e-4             | false",
        "1.234           | NaN                  | false",
        "1.234           | 1                    | false",
        // Decimals that are cut short.
        "2.9…            | 2.9342               | true",
        "2.9…            | 2.8999               | true",
        "2.9…            | 2.7                  | false",
        "2.9…            | 29.3                 | false",
        "2.9…            | 2.9e-7               | false",
        "…2.93…          | x2.934               | true",
        "…2.93…          | 12.934               | false",
        "{\"l\":5.77…,\"p\":322.4…,\"t\":…} | {\"l\":5.7759,\"p\":322.41,\"t\":9} | true",
        "{\"l\":5.77…,\"p\":322.4…,\"t\":…} | {\"l\":5.7759,\"p\":327.41,\"t\":9} | false",
        // Versions are no decimals.
        "v0.123.0        | v0.124.0             | false",
        "0.1.0-SNAPSHOT  | 0.1.0-SNAPSHOT       | true",
        "0.1.0-SNAPSHOT  | 0.2.0-SNAPSHOT       | false",
        "1.2.3456        | 1.2.3457             | false",
      })
  void comparesWordsAndNumbers(String shown, String output, boolean matches) {
    assertEquals(matches, new ShownOutput(List.of(shown)).matches(output));
  }

  @Test
  void nothingShownMatchesNothing() {
    assertFalse(new ShownOutput(List.of()).matches(""));
    assertFalse(new ShownOutput(List.of("", " ")).endsAs("a"));
  }

  @Test
  void linesAreJoined() {
    assertTrue(new ShownOutput(List.of("a b", "  c")).matches("a\nb c\n"));
  }

  @Test
  void theEndAndTheMiddleOfAnOutput() {
    ShownOutput shown = new ShownOutput(List.of("b 2"));
    assertTrue(shown.endsAs("a b 1 b 2"));
    assertFalse(shown.endsAs("a b 2 c"));
    assertTrue(shown.isWithin("a b 2 c"));
    assertFalse(shown.isWithin("a b 3 c"));
  }
}
