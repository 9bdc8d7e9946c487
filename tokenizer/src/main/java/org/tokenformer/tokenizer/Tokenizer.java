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
 * A byte-level BPE tokenizer, defined by a {@code tokenizer.json}. Encodes text to ids, the same
 * ids as HF tokenizers, and decodes ids to text. Immutable and safe for concurrent use.
 *
 * <pre>{@code
 * Tokenizer tokenizer = Tokenizer.load(Path.of("model/tokenizer.json"));
 * int[] ids = tokenizer.encode("Once upon a time");
 * String text = tokenizer.decode(ids, false);
 * }</pre>
 */
public final class Tokenizer {
  /**
   * The special token that follows each document. In a text, a line of exactly this token separates
   * documents.
   */
  public static final String END_OF_TEXT = "<|endoftext|>";

  /**
   * The decoded form of an added token. As in HF, this is the normalised content, and the token is
   * special if a special token has that content.
   */
  private record Decoded(String text, boolean special) {}

  private final Pipeline pipeline;
  private final int size;
  private final Int2ObjectOpenHashMap<Decoded> added = new Int2ObjectOpenHashMap<>();
  private final Object2IntOpenHashMap<String> addedIds = new Object2IntOpenHashMap<>();

  /** Idle encoders, at most one per processor; their word caches stay warm between texts. */
  private final ArrayBlockingQueue<Encoder> encoders =
      new ArrayBlockingQueue<>(Runtime.getRuntime().availableProcessors());

  /**
   * Creates a tokenizer. Added tokens that are not in the model's vocabulary must continue its ids
   * without gaps.
   */
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
   * @throws TokenizerException if the file is missing, malformed or of an unsupported kind; the
   *     one-line message says which
   * @throws IOException if it cannot be read
   */
  public static Tokenizer load(Path tokenizerJson) throws IOException {
    return TokenizerJsonReader.read(tokenizerJson);
  }

  /**
   * Reads the content of a {@code tokenizer.json}. Does not close the reader.
   *
   * @throws TokenizerException as {@link #load} does; messages call the file {@code tokenizer.json}
   */
  public static Tokenizer fromJson(Reader json) throws IOException {
    return TokenizerJsonReader.read(json, "tokenizer.json", 1 << 20);
  }

  /**
   * Writes a {@code tokenizer.json} that HF tokenizers can load and that produces the same ids.
   * After an error, an existing file is unchanged.
   */
  public void save(Path tokenizerJson) throws IOException {
    TokenizerJsonWriter.write(pipeline, tokenizerJson);
  }

  /**
   * Encodes a text. Added and special tokens in it are recognised. An unpaired surrogate counts as
   * U+FFFD.
   *
   * @throws IllegalArgumentException if the text has more than 700 million characters, or if a
   *     pattern of the tokenizer file takes too long on it
   */
  public int[] encode(CharSequence text) {
    IntArrayList ids = new IntArrayList(text.length() / 3 + 8);
    encode(text, ids);
    return ids.toIntArray();
  }

  /**
   * Appends the ids of a text, as {@link #encode(CharSequence)} does; allocates nothing once warm.
   */
  public void encode(CharSequence text, IntArrayList ids) {
    Encoder encoder = encoder();
    encoder.encode(text, ids);
    boolean _ = encoders.offer(encoder);
  }

  /** Appends the ids of the first {@code length} bytes, which must be well-formed UTF-8. */
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
   * Decodes ids to text. Malformed UTF-8 becomes U+FFFD, one for each maximal subpart of an
   * ill-formed sequence.
   *
   * @param skipSpecial whether to leave out special tokens
   * @throws IllegalArgumentException if an id is not in the vocabulary
   */
  public String decode(int[] ids, boolean skipSpecial) {
    ByteBuilder bytes = new ByteBuilder();
    int used = 0;
    for (int id : ids) {
      used = decode(id, skipSpecial, bytes, used);
    }
    return Utf8.decode(bytes.array(), 0, used);
  }

  /** Appends the bytes of one id after the first {@code used} bytes; returns the new length. */
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

  /** Returns a decoder for ids that arrive one at a time; it keeps special tokens. */
  public StreamDecoder newStreamDecoder(String... stops) {
    return newStreamDecoder(false, List.of(stops));
  }

  /**
   * Returns a decoder for ids that arrive one at a time.
   *
   * @param skipSpecial whether to leave out special tokens
   * @param stops strings that end the stream; the list may be empty
   * @throws IllegalArgumentException if a stop string is empty or has an unpaired surrogate
   */
  public StreamDecoder newStreamDecoder(boolean skipSpecial, List<String> stops) {
    return new StreamDecoder(this, skipSpecial, stops);
  }

  /** Returns the vocabulary size, added tokens included: the highest id plus one. */
  public int vocabularySize() {
    return size;
  }

  /**
   * Returns the id of a token as written in {@code tokenizer.json}, for example {@code Ġthe} for a
   * space and "the".
   */
  public OptionalInt idOf(String token) {
    int id = addedIds.getInt(token);
    if (id < 0) {
      id = pipeline.model().vocabulary().idOf(token);
    }
    return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /**
   * Returns the token as written in {@code tokenizer.json}.
   *
   * @throws IllegalArgumentException if the id is not in the vocabulary
   */
  public String tokenOf(int id) {
    checkId(id);
    Decoded token = added.get(id);
    return token != null ? token.text : pipeline.model().vocabulary().tokenOf(id);
  }

  /** Returns the id of the special token {@code <|endoftext|>}, if the tokenizer has it. */
  public OptionalInt endOfTextId() {
    int id = addedIds.getInt(END_OF_TEXT);
    return id >= 0 && isSpecial(id) ? OptionalInt.of(id) : OptionalInt.empty();
  }

  /**
   * Returns whether the id is a special token, which a decode with {@code skipSpecial} leaves out.
   *
   * @throws IllegalArgumentException if the id is not in the vocabulary
   */
  public boolean isSpecial(int id) {
    checkId(id);
    Decoded token = added.get(id);
    return token != null && token.special;
  }

  private void checkId(int id) {
    if (id < 0 || id >= size) {
      throw new IllegalArgumentException(
          "id " + id + " is not in the vocabulary (0 to " + (size - 1) + ")");
    }
  }
}
