package org.tokenformer.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;

/**
 * Trains a byte-level BPE tokenizer (NFC, GPT-2 pattern) on text files. Its merges are the same, in
 * the same order, as those of HF tokenizers' trainer. Ids are assigned to the special tokens, then
 * to the 256 bytes, then to the merged tokens.
 */
public final class BpeTrainer {
  private static final PreTokenizer.Settings GPT2 =
      new PreTokenizer.Settings(List.of(), false, true);
  private static final int BYTES = 256;

  private BpeTrainer() {}

  /** The phases of training. */
  public enum Phase {
    /** Counting words; progress in bytes of the files. */
    READING,
    /** Merging; progress in tokens of the vocabulary. */
    MERGING
  }

  /** Receives the progress of training. Called often, so it should return quickly. */
  @FunctionalInterface
  public interface ProgressListener {
    /** Reports that {@code done} of {@code total} units of a phase are done. */
    void progress(Phase phase, long done, long total);
  }

  /**
   * Training options.
   *
   * @param vocabSize maximum vocabulary size, special tokens and bytes included; little text may
   *     yield fewer tokens
   * @param specialTokens special tokens such as {@code <|endoftext|>}, which get the first ids. In
   *     the training text they are treated as ordinary text
   * @param minFrequency how often a pair must occur to be merged; HF's default is 0
   */
  public record Options(int vocabSize, List<String> specialTokens, long minFrequency) {
    /**
     * Checks the options.
     *
     * @throws IllegalArgumentException if {@code vocabSize} is too small for the bytes and the
     *     special tokens, a special token is empty or given twice, or {@code minFrequency} is
     *     negative
     */
    public Options {
      List<String> special = List.copyOf(specialTokens);
      specialTokens = special;
      if (special.contains("")) {
        throw new IllegalArgumentException("special_token must not be empty");
      }
      if (new HashSet<>(specialTokens).size() < specialTokens.size()) {
        String twice =
            special.stream()
                .filter(token -> Collections.frequency(special, token) > 1)
                .findFirst()
                .orElseThrow();
        throw new IllegalArgumentException("special_token '" + twice + "' is given twice");
      }
      int minimum = BYTES + specialTokens.size();
      if (vocabSize < minimum) {
        throw new IllegalArgumentException(
            "vocab_size must be at least %d (%d bytes and the special tokens), not %d"
                .formatted(minimum, BYTES, vocabSize));
      }
      if (minFrequency < 0) {
        throw new IllegalArgumentException("min_frequency must be at least 0, not " + minFrequency);
      }
    }
  }

  /**
   * Trains on the files. Each line is normalised and split into words on its own, as in HF. Memory
   * grows with the number of distinct words and the longest line, not with the size of the text.
   *
   * @throws TokenizerException if a line is longer than 1 GiB, or if the distinct words exceed 1
   *     GiB in total
   * @throws IOException as {@link TextFiles#open} does
   */
  public static Tokenizer train(
      List<Path> files, TextFiles texts, Options options, ProgressListener progress)
      throws IOException {
    texts.check(files);
    long total = texts.size(files);
    WordCounter counter = new WordCounter(true, GPT2, WordCounter.MAX_WORDS);
    long[] done = {0};
    for (Path file : files) {
      try (TextLines lines = texts.open(file)) {
        counter.read(
            lines, n -> progress.progress(Phase.READING, done[0] += n, Math.max(total, done[0])));
      }
    }
    MergeTrainer trainer =
        new MergeTrainer(counter.words(), counter.counts(), options.specialTokens());
    trainer.train(options.vocabSize(), options.minFrequency(), progress);
    Vocabulary vocabulary = new Vocabulary(trainer.tokens().size());
    for (int id = 0; id < trainer.tokens().size(); id++) {
      if (!vocabulary.add(trainer.tokens().get(id), id)) {
        throw new IllegalStateException("two tokens are the same: " + trainer.tokens().get(id));
      }
    }
    String wrong = vocabulary.seal();
    if (wrong != null) {
      throw new IllegalStateException(wrong);
    }
    List<AddedToken> added =
        options.specialTokens().stream()
            .map(token -> AddedToken.special(token, vocabulary.idOf(token)))
            .toList();
    BpeModel model = new BpeModel(vocabulary, trainer.merges(), false);
    return new Tokenizer(Pipeline.of(model, added, true, GPT2));
  }
}
