package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.ints.Int2ObjectOpenHashMap;
import it.unimi.dsi.fastutil.ints.IntArrayList;
import it.unimi.dsi.fastutil.objects.Object2IntOpenHashMap;
import java.io.IOException;
import java.io.Reader;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;

/**
 * Byte-level BPE as a {@code tokenizer.json} describes it: text to ids and back, with the ids that
 * HF tokenizers gives. Immutable, and safe for any number of threads at once.
 *
 * <pre>{@code
 * Tokenizer tokenizer = Tokenizer.load(Path.of("model/tokenizer.json"));
 * int[] ids = tokenizer.encode("Once upon a time");
 * String text = tokenizer.decode(ids, false);
 * }</pre>
 */
public final class Tokenizer {
  /** The special token behind each document, and the line between two documents of a text. */
  public static final String END_OF_TEXT = "<|endoftext|>";

  /** An added token as it is decoded: HF takes its normalised form, and judges that. */
  private record Decoded(String text, boolean special) {}

  private final Pipeline pipeline;
  private final int size;
  private final Int2ObjectOpenHashMap<Decoded> added = new Int2ObjectOpenHashMap<>();
  private final Object2IntOpenHashMap<String> addedIds = new Object2IntOpenHashMap<>();

  /** Encoders at rest, at most one for each processor; their caches stay warm between texts. */
  private final ArrayBlockingQueue<Encoder> encoders =
      new ArrayBlockingQueue<>(Runtime.getRuntime().availableProcessors());

  /** A tokenizer whose added tokens go on from the model's ids without a gap. */
  Tokenizer(Pipeline pipeline) {
    this.pipeline = pipeline;
    addedIds.defaultReturnValue(-1);
    Set<String> special = new HashSet<>();
    for (AddedToken token : pipeline.addedTokens()) {
      addedIds.put(token.content(), token.id());
      if (token.special()) {
        special.add(token.content());
      }
    }
    int end = pipeline.model().vocabulary().size();
    for (AddedToken token : pipeline.addedTokens()) {
      end = Math.max(end, token.id() + 1);
      String text = token.matched(pipeline.nfc());
      added.put(token.id(), new Decoded(text, special.contains(text)));
    }
    size = end;
  }

  /**
   * Reads a {@code tokenizer.json}.
   *
   * @throws TokenizerException if the file is missing, malformed, or of a kind not read here; the
   *     message is one line that says which
   * @throws IOException if it cannot be read
   */
  public static Tokenizer load(Path tokenizerJson) throws IOException {
    return TokenizerJsonReader.read(tokenizerJson);
  }

  /**
   * Reads the content of a {@code tokenizer.json}. The reader is not closed.
   *
   * @throws TokenizerException as {@link #load}; it calls the file {@code tokenizer.json}
   */
  public static Tokenizer fromJson(Reader json) throws IOException {
    return TokenizerJsonReader.read(json, "tokenizer.json", 1 << 20);
  }

  /**
   * Writes a {@code tokenizer.json} that HF tokenizers opens and that gives the same ids. The file
   * is complete or, after an error, as it was before.
   */
  public void save(Path tokenizerJson) throws IOException {
    TokenizerJsonWriter.write(pipeline, tokenizerJson);
  }

  /**
   * The ids of a text. Added and special tokens are recognised in it. A surrogate without its
   * partner counts as U+FFFD.
   *
   * @throws IllegalArgumentException if the text has more than 700 million characters, or if the
   *     file brought a pattern that takes too long on it
   */
  public int[] encode(CharSequence text) {
    IntArrayList ids = new IntArrayList(text.length() / 3 + 8);
    encode(text, ids);
    return ids.toIntArray();
  }

  /** As {@link #encode(CharSequence)}, appending; makes no garbage once warm. */
  public void encode(CharSequence text, IntArrayList ids) {
    Encoder encoder = encoder();
    encoder.encode(text, ids);
    boolean _ = encoders.offer(encoder);
  }

  /** Appends the ids of the first {@code length} bytes, well-formed UTF-8. */
  void encode(byte[] utf8, int length, IntArrayList ids) {
    Encoder encoder = encoder();
    encoder.encode(utf8, length, ids);
    boolean _ = encoders.offer(encoder);
  }

  private Encoder encoder() {
    Encoder encoder = encoders.poll();
    return encoder == null ? new Encoder(pipeline) : encoder;
  }

  /** See {@link Pipeline#dividesAtNewlines}. */
  boolean dividesAtNewlines() {
    return pipeline.dividesAtNewlines();
  }

  /**
   * The text of these ids. Bytes that are not UTF-8 become U+FFFD, one for each maximal part of a
   * sequence that was begun.
   *
   * @param skipSpecial leave out special tokens
   * @throws IllegalArgumentException if an id is not of this vocabulary
   */
  public String decode(int[] ids, boolean skipSpecial) {
    ByteBuilder bytes = new ByteBuilder();
    int used = 0;
    for (int id : ids) {
      used = decode(id, skipSpecial, bytes, used);
    }
    return Utf8.decode(bytes.array(), 0, used);
  }

  /** Appends the bytes of one id behind the first {@code used}; returns how many there are. */
  int decode(int id, boolean skipSpecial, ByteBuilder into, int used) {
    checkId(id);
    Decoded token = added.get(id);
    if (token == null) {
      return pipeline.model().vocabulary().decode(id, into, used);
    }
    if (skipSpecial && token.special) {
      return used;
    }
    byte[] bytes = ByteAlphabet.decoded(token.text);
    return into.append(used, bytes, 0, bytes.length);
  }

  /** A decoder for ids that come one at a time; special tokens are kept. */
  public StreamDecoder newStreamDecoder(String... stops) {
    return newStreamDecoder(false, List.of(stops));
  }

  /**
   * A decoder for ids that come one at a time.
   *
   * @param skipSpecial leave out special tokens
   * @param stops texts that end the stream; may be empty
   * @throws IllegalArgumentException if a stop is empty or has half of a surrogate pair
   */
  public StreamDecoder newStreamDecoder(boolean skipSpecial, List<String> stops) {
    return new StreamDecoder(this, skipSpecial, stops);
  }

  /** The number of ids, added tokens included: the highest id and one. */
  public int vocabularySize() {
    return size;
  }

  /** The id of a token as {@code tokenizer.json} writes it, such as {@code Ġthe} for " the". */
  public OptionalInt idOf(String token) {
    int id = addedIds.getInt(token);
    if (id < 0) {
      id = pipeline.model().vocabulary().idOf(token);
    }
    return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /**
   * The token as {@code tokenizer.json} writes it.
   *
   * @throws IllegalArgumentException if the id is not of this vocabulary
   */
  public String tokenOf(int id) {
    checkId(id);
    Decoded token = added.get(id);
    return token != null ? token.text : pipeline.model().vocabulary().tokenOf(id);
  }

  /** The id of the special token {@code <|endoftext|>}, if there is one. */
  public OptionalInt endOfTextId() {
    int id = addedIds.getInt(END_OF_TEXT);
    return id >= 0 && isSpecial(id) ? OptionalInt.of(id) : OptionalInt.empty();
  }

  /**
   * Whether a decode that skips special tokens leaves this one out.
   *
   * @throws IllegalArgumentException if the id is not of this vocabulary
   */
  public boolean isSpecial(int id) {
    checkId(id);
    Decoded token = added.get(id);
    return token != null && token.special;
  }

  private void checkId(int id) {
    if (id < 0 || id >= size) {
      throw new IllegalArgumentException("id " + id + " is not in 0.." + (size - 1));
    }
  }
}
