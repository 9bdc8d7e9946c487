package org.tokenformer.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;

/**
 * Trains a byte-level BPE tokenizer (NFC, the GPT-2 pattern) on text files, with the merges of HF
 * tokenizers' trainer in the same order. Ids: the special tokens, the 256 bytes, the merged tokens.
 */
public final class BpeTrainer {
  private static final PreTokenizer.Settings GPT2 =
      new PreTokenizer.Settings(List.of(), false, true);
  private static final int BYTES = 256;

  private BpeTrainer() {}

  /** What is under way. */
  public enum Phase {
    /** Counting words: bytes of the files. */
    READING,
    /** Merging: tokens of the vocabulary. */
    MERGING
  }

  /** Told how far the training is; called often, so it should return at once. */
  @FunctionalInterface
  public interface ProgressListener {
    /** Of {@code total} units of a phase, {@code done} are done. */
    void progress(Phase phase, long done, long total);
  }

  /**
   * How to train.
   *
   * @param vocabSize ids in all, special tokens and bytes included; with little text there may be
   *     fewer
   * @param specialTokens the first ids, such as {@code <|endoftext|>}. In the training text they
   *     are words like any other
   * @param minFrequency how often a pair must occur to be merged; 0 is HF's default
   */
  public record Options(int vocabSize, List<String> specialTokens, long minFrequency) {
    /**
     * Checks the options.
     *
     * @throws IllegalArgumentException if there is no room for the bytes, or a special token is
     *     empty or there twice
     */
    public Options {
      specialTokens = List.copyOf(specialTokens);
      if (specialTokens.contains("")) {
        throw new IllegalArgumentException("a special token must not be empty");
      }
      if (new HashSet<>(specialTokens).size() < specialTokens.size()) {
        throw new IllegalArgumentException("a special token is given twice: " + specialTokens);
      }
      int least = BYTES + specialTokens.size();
      if (vocabSize < least) {
        throw new IllegalArgumentException(
            "a vocabulary of "
                + vocabSize
                + " is too small: the bytes and the special tokens need "
                + least);
      }
      if (minFrequency < 0) {
        throw new IllegalArgumentException("the least frequency is negative: " + minFrequency);
      }
    }
  }

  /**
   * Trains on the files. Each line is normalised and parted on its own, as HF reads files. Memory
   * grows with the distinct words and the longest line, not with the text.
   *
   * @throws TokenizerException if a file does not exist, is not UTF-8, or has a line above 1 GiB
   * @throws IllegalStateException if the distinct words are more than 1 GiB together
   * @throws IOException if a file cannot be read
   */
  public static Tokenizer train(List<Path> texts, Options options, ProgressListener progress)
      throws IOException {
    long total = WordCounter.size(texts);
    WordCounter counter = new WordCounter(true, GPT2);
    long[] done = {0};
    for (Path text : texts) {
      counter.read(
          text, n -> progress.progress(Phase.READING, done[0] += n, Math.max(total, done[0])));
    }
    MergeLearner learner =
        new MergeLearner(counter.words(), counter.counts(), options.specialTokens());
    learner.learn(options.vocabSize(), options.minFrequency(), progress);
    Vocabulary vocabulary = new Vocabulary(learner.tokens().size());
    for (int id = 0; id < learner.tokens().size(); id++) {
      if (!vocabulary.add(learner.tokens().get(id), id)) {
        throw new IllegalStateException("learnt twice: " + learner.tokens().get(id));
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
    BpeModel model = new BpeModel(vocabulary, learner.merges(), false);
    return new Tokenizer(Pipeline.of(model, added, true, GPT2));
  }
}
