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
 * Identifies the tokenizer that produced the ids of a dataset.
 *
 * @param vocabularySize the vocabulary size; all ids are below it
 * @param sha256 the SHA-256 of the bytes of {@code tokenizer.json}, as 64 lower-case hexadecimal
 *     digits
 */
public record TokenizerFingerprint(int vocabularySize, String sha256) {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

  /**
   * Checks the values.
   *
   * @throws IllegalArgumentException if a value is invalid
   */
  public TokenizerFingerprint {
    if (vocabularySize < 1) {
      throw new IllegalArgumentException(
          "the vocabulary size must be at least 1, not " + vocabularySize);
    }
    if (!SHA256.matcher(sha256).matches()) {
      throw new IllegalArgumentException(
          "sha256 must be 64 lower-case hexadecimal digits, not " + sha256);
    }
  }

  /** Computes the fingerprint of a tokenizer that was loaded from this file. */
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
