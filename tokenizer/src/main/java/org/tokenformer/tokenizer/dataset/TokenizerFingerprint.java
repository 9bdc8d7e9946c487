package org.tokenformer.tokenizer.dataset;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;
import org.tokenformer.tokenizer.Tokenizer;

/**
 * Which tokenizer made the ids of a dataset.
 *
 * @param vocabularySize ids are below this
 * @param sha256 of the bytes of {@code tokenizer.json}, as 64 lower-case hexadecimal digits
 */
public record TokenizerFingerprint(int vocabularySize, String sha256) {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException if one cannot be
   */
  public TokenizerFingerprint {
    if (vocabularySize < 1) {
      throw new IllegalArgumentException("a vocabulary of " + vocabularySize + " ids");
    }
    if (!SHA256.matcher(sha256).matches()) {
      throw new IllegalArgumentException("not a SHA-256: " + sha256);
    }
  }

  /** The fingerprint of the tokenizer that was loaded from this file. */
  public static TokenizerFingerprint of(Tokenizer tokenizer, Path tokenizerJson)
      throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
    try (InputStream in = Files.newInputStream(tokenizerJson);
        OutputStream out = new DigestOutputStream(OutputStream.nullOutputStream(), digest)) {
      in.transferTo(out);
    }
    return new TokenizerFingerprint(
        tokenizer.vocabularySize(), HexFormat.of().formatHex(digest.digest()));
  }
}
