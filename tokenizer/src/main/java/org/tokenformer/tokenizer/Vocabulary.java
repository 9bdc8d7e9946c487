package org.tokenformer.tokenizer;

import it.unimi.dsi.fastutil.ints.IntArrayList;
import it.unimi.dsi.fastutil.objects.Object2IntOpenHashMap;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The tokens of a BPE model, by id and by content. Tokens of the byte alphabet are stored as the
 * bytes that they stand for; the few others (usually special tokens), called foreign here, as
 * strings.
 */
final class Vocabulary {
  private static final int NONE = -1;

  private final ByteTable table;
  private final IntArrayList idOfIndex;
  private final Object2IntOpenHashMap<String> foreignIds = new Object2IntOpenHashMap<>();
  private int[] indexOfId = {}; // in the table, or ~index in foreign
  private String[] foreign = {};
  private byte[] scratch = new byte[64];

  Vocabulary(int expected) {
    table = new ByteTable(expected);
    idOfIndex = new IntArrayList(expected);
    foreignIds.defaultReturnValue(NONE);
  }

  /** Adds a token; returns false if it has already been added. */
  boolean add(String token, int id) {
    int length = token.length();
    if (length > scratch.length) {
      scratch = new byte[2 * length];
    }
    if (!ByteAlphabet.toBytes(token, scratch, 0)) {
      return foreignIds.putIfAbsent(token, id) == NONE;
    }
    int hash = ByteTable.hash(scratch, 0, length);
    if (table.find(scratch, 0, length, hash) >= 0) {
      return false;
    }
    table.add(scratch, 0, length, hash);
    idOfIndex.add(id);
    return true;
  }

  /**
   * Completes the vocabulary. Must be called once, after all tokens have been added.
   *
   * @return what is wrong with the ids, or null if they are 0 to size - 1, each exactly once
   */
  @Nullable String seal() {
    int size = size();
    indexOfId = new int[size];
    Arrays.fill(indexOfId, Integer.MIN_VALUE);
    foreign = new String[foreignIds.size()];
    int n = 0;
    for (var entry : foreignIds.object2IntEntrySet()) {
      foreign[n] = entry.getKey();
      String wrong = assign(entry.getIntValue(), ~n++);
      if (wrong != null) {
        return wrong;
      }
    }
    for (int i = 0; i < table.size(); i++) {
      String wrong = assign(idOfIndex.getInt(i), i);
      if (wrong != null) {
        return wrong;
      }
    }
    return null;
  }

  private @Nullable String assign(int id, int index) {
    if (id < 0 || id >= indexOfId.length) {
      return "id %d is out of range: the ids of %d tokens must be 0 to %d"
          .formatted(id, indexOfId.length, indexOfId.length - 1);
    }
    if (indexOfId[id] != Integer.MIN_VALUE) {
      return "id " + id + " belongs to two tokens";
    }
    indexOfId[id] = index;
    return null;
  }

  int size() {
    return table.size() + foreignIds.size();
  }

  /** Returns the id of the token that stands for {@code b[from, to)}, or -1. */
  int idOf(byte[] b, int from, int to) {
    int index = table.find(b, from, to);
    return index < 0 ? NONE : idOfIndex.getInt(index);
  }

  /** Returns the id of a token, written in the byte alphabet or foreign, or -1. */
  int idOf(String token) {
    byte[] bytes = new byte[token.length()];
    return ByteAlphabet.toBytes(token, bytes, 0)
        ? idOf(bytes, 0, bytes.length)
        : foreignIds.getInt(token);
  }

  String tokenOf(int id) {
    int index = indexOfId[id];
    return index < 0
        ? foreign[~index]
        : ByteAlphabet.toToken(table.bytes(), table.start(index), table.end(index));
  }

  /**
   * Appends the decoded bytes of a token after the first {@code used} bytes; returns the new
   * length.
   */
  int decode(int id, ByteBuilder into, int used) {
    int index = indexOfId[id];
    if (index < 0) {
      byte[] bytes = ByteAlphabet.decoded(foreign[~index]);
      return into.append(used, bytes, 0, bytes.length);
    }
    return into.append(used, table.bytes(), table.start(index), table.end(index));
  }

  /** Returns the tokens with characters outside the byte alphabet. */
  Iterable<String> foreign() {
    return foreignIds.keySet();
  }
}
