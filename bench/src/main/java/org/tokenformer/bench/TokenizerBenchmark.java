package org.tokenformer.bench;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import org.tokenformer.tokenizer.StreamDecoder;
import org.tokenformer.tokenizer.Tokenizer;

/**
 * Times the tokenizer on one thread. The files are given by {@code -Dtokenizer=tokenizer.json} and
 * {@code -Dtext=FILE}, whose documents are separated by lines {@code <|endoftext|>}. {@link
 * Rate#megabytes} is MB of text per second.
 */
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 2)
@Fork(1)
@State(Scope.Thread)
public class TokenizerBenchmark {
  /** Text processed, in MB (10^6 bytes of UTF-8). */
  @AuxCounters(AuxCounters.Type.OPERATIONS)
  @State(Scope.Thread)
  public static class Rate {
    /** MB of text. */
    public double megabytes;
  }

  private final IntArrayList ids = new IntArrayList();
  private final Path file = named("tokenizer");
  private final Tokenizer tokenizer;
  private final String[] documents;
  private final int[] all;
  private final double megabytes;

  /** Reads the files and checks that decoding the ids reproduces the text. */
  public TokenizerBenchmark() {
    Path text = named("text");
    try {
      tokenizer = Tokenizer.load(file);
      documents = Files.readString(text).split("\n<\\|endoftext\\|>\n", -1);
      megabytes = Files.size(text) / 1e6;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    encode(tokenizer, documents, ids);
    all = ids.toIntArray();
    if (!tokenizer.decode(all, false).equals(String.join("", documents))) {
      throw new IllegalStateException("decoding does not reproduce the text; is it in NFC?");
    }
  }

  private static Path named(String property) {
    String value = System.getProperty(property);
    if (value == null) {
      throw new IllegalStateException(
          "skipped: give the files with -Dtokenizer=tokenizer.json -Dtext=FILE");
    }
    return Path.of(value);
  }

  /** Encodes the documents one by one. */
  @Benchmark
  public IntArrayList encode(Rate rate) {
    rate.megabytes += megabytes;
    encode(tokenizer, documents, ids);
    return ids;
  }

  private static void encode(Tokenizer tokenizer, String[] documents, IntArrayList ids) {
    ids.clear();
    for (String document : documents) {
      tokenizer.encode(document, ids);
    }
  }

  /** Decodes all ids at once. */
  @Benchmark
  public String decode(Rate rate) {
    rate.megabytes += megabytes;
    return tokenizer.decode(all, false);
  }

  /** Decodes id by id with a stop sequence. */
  @Benchmark
  public int stream(Rate rate) {
    rate.megabytes += megabytes;
    StreamDecoder decoder = tokenizer.newStreamDecoder("\nUser:");
    int length = 0;
    for (int id : all) {
      length += decoder.accept(id).length();
    }
    return length + decoder.finish().length();
  }

  /** Loads the tokenizer on a warm JVM; a shell command takes several times as long. */
  @Benchmark
  public Tokenizer load() throws IOException {
    return Tokenizer.load(file);
  }
}
