package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.ints.IntArrayList;

/**
 * Encodes text: extracts added tokens from the raw text, normalises the rest, extracts added tokens
 * from the normalised text, splits the rest into words and applies BPE. Holds buffers and a word
 * cache; for one thread at a time.
 */
final class Encoder {
  /** Buffers up to this size are kept for the next text. */
  private static final int KEEP = 1 << 20;

  private final Pipeline pipeline;
  private final ByteBuilder raw = new ByteBuilder();
  private final ByteBuilder normal = new ByteBuilder();
  private final PreTokenizer preTokenizer;
  private final AddedTokenMatcher.Sink ofRaw;
  private final AddedTokenMatcher.Sink ofNormalized;
  private IntArrayList out = new IntArrayList(0);

  Encoder(Pipeline pipeline) {
    this.pipeline = pipeline;
    WordCache words = new WordCache(pipeline.model());
    preTokenizer =
        new PreTokenizer(pipeline.preTokenizer(), (b, from, to) -> words.encode(b, from, to, out));
    ofNormalized =
        new AddedTokenMatcher.Sink() {
          @Override
          public void text(byte[] b, int from, int to) {
            preTokenizer.split(b, from, to);
          }

          @Override
          public void token(int id) {
            out.add(id);
          }
        };
    ofRaw =
        new AddedTokenMatcher.Sink() {
          @Override
          public void text(byte[] b, int from, int to) {
            normalize(b, from, to);
          }

          @Override
          public void token(int id) {
            out.add(id);
          }
        };
  }

  /** Appends the ids of a text. */
  void encode(CharSequence text, IntArrayList into) {
    int length = Utf8.encode(text, raw);
    encode(raw.array(), length, into);
  }

  /** Appends the ids of the first {@code length} bytes, which must be well-formed UTF-8. */
  void encode(byte[] utf8, int length, IntArrayList into) {
    out = into;
    try {
      pipeline.raw().split(utf8, 0, length, ofRaw);
    } finally {
      out = new IntArrayList(0);
      raw.trim(KEEP);
      normal.trim(KEEP);
      preTokenizer.trim(KEEP);
    }
  }

  private void normalize(byte[] b, int from, int to) {
    String changed = pipeline.nfc() ? Nfc.normalize(b, from, to) : null;
    if (changed == null) {
      pipeline.normalized().split(b, from, to, ofNormalized);
    } else {
      int length = Utf8.encode(changed, normal);
      pipeline.normalized().split(normal.array(), 0, length, ofNormalized);
    }
  }
}
