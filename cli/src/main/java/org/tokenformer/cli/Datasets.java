package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.tokenformer.cli.console.Console;
import org.tokenformer.tokenizer.Tokenizer;
import org.tokenformer.tokenizer.dataset.TokenDataset;
import org.tokenformer.tokenizer.dataset.TokenizerFingerprint;

/** What every command that reads a dataset sees to. */
final class Datasets {
  private Datasets() {}

  /**
   * Refuses ids that the tokenizer does not have, and warns where the dataset says that another one
   * made it: the ids then mean other words.
   */
  static void check(Console console, TokenDataset dataset, Tokenizer tokenizer, Path tokenizerFile)
      throws IOException {
    Optional<TokenizerFingerprint> maker = dataset.tokenizer();
    if (maker.isPresent()) {
      String expected = maker.get().sha256();
      String actual = TokenizerFingerprint.of(tokenizer, tokenizerFile).sha256();
      if (!expected.equals(actual)) {
        console.warn(
            "%s: was prepared with another tokenizer (SHA-256 %s…) than %s (%s…), so its ids may mean other words"
                .formatted(
                    dataset, expected.substring(0, 12), tokenizerFile, actual.substring(0, 12)));
      }
    }
    dataset.requireIdsBelow(tokenizer.vocabularySize());
  }
}
