package org.tokenformer.tokenizer.dataset;

import java.util.Locale;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Union;
import org.apache.arrow.flatbuf.UnionMode;
import org.jspecify.annotations.Nullable;

/** Names of Arrow types, and the numbers of nodes and buffers of their columns in a batch. */
final class ArrowTypes {
  private static final int MAX_DEPTH = 64;

  /** Limit on fields: malicious metadata can make a few bytes look like endless fields. */
  private static final int MAX_FIELDS = 100_000;

  private ArrowTypes() {}

  /** Returns the name of a type as in pyarrow, for example {@code list<int64>}. */
  static String name(Field field) {
    return name(field, 0);
  }

  /** Returns the integer type of a field, or null if it is not an integer or is damaged. */
  static @Nullable Int integer(Field field) {
    return field.typeType() == Type.Int ? (Int) field.type(new Int()) : null;
  }

  private static String name(Field field, int depth) {
    byte type = field.typeType();
    String name =
        switch (type) {
          case Type.Int -> {
            Int integer = integer(field);
            yield integer == null
                ? "int of no width"
                : (integer.isSigned() ? "int" : "uint") + integer.bitWidth();
          }
          case Type.Utf8 -> "string";
          case Type.LargeUtf8 -> "large_string";
          case Type.Struct_ -> "struct";
          default ->
              type > 0 && type < Type.names.length
                  ? Type.name(type).replaceAll("(?<=[a-z])(?=[A-Z])", "_").toLowerCase(Locale.ROOT)
                  : "type number " + type;
        };
    boolean listed = name.contains("list") && field.childrenLength() == 1 && depth < 4;
    String full = listed ? name + "<" + name(field.children(0), depth + 1) + ">" : name;
    return field.dictionary() == null ? full : "dictionary<" + full + ">";
  }

  /** Counts the nodes and buffers of columns, in the order in which record batches list them. */
  static final class Extent {
    private final short version;
    private int fields;
    private int buffers;
    private int views;

    Extent(short version) {
      this.version = version;
    }

    /** Returns the number of field nodes of the added columns. */
    int nodes() {
      return fields;
    }

    /** Returns the number of buffers of the added columns, without variadic buffers of views. */
    int buffers() {
      return buffers;
    }

    /** Returns the number of view columns; each batch lists their variadic buffer counts. */
    int views() {
      return views;
    }

    /**
     * Adds a column; returns false if it contains an unknown type or there are too many fields.
     *
     * <p>Source: the columnar format's table "Buffer Listing for Each Layout".
     */
    boolean add(Field field) {
      return add(field, 0);
    }

    private boolean add(Field field, int depth) {
      fields++;
      if (fields > MAX_FIELDS || depth > MAX_DEPTH) {
        return false;
      }
      if (field.dictionary() != null) { // a batch holds only the indices
        buffers += 2;
        return true;
      }
      int own =
          switch (field.typeType()) {
            case Type.Null, Type.RunEndEncoded -> 0;
            case Type.FixedSizeList, Type.Struct_ -> 1;
            case Type.Int,
                Type.FloatingPoint,
                Type.Bool,
                Type.Decimal,
                Type.Date,
                Type.Time,
                Type.Timestamp,
                Type.Interval,
                Type.Duration,
                Type.FixedSizeBinary,
                Type.List,
                Type.LargeList,
                Type.Map ->
                2;
            case Type.Utf8,
                Type.Binary,
                Type.LargeUtf8,
                Type.LargeBinary,
                Type.ListView,
                Type.LargeListView ->
                3;
            case Type.Utf8View, Type.BinaryView -> {
              views++;
              yield 2;
            }
            case Type.Union -> union(field);
            default -> -1;
          };
      if (own < 0) {
        return false;
      }
      buffers += own;
      for (int i = 0; i < field.childrenLength(); i++) {
        if (!add(field.children(i), depth + 1)) {
          return false;
        }
      }
      return true;
    }

    /** Types, and offsets if dense; before version 5, validity as well. */
    private int union(Field field) {
      Union union = (Union) field.type(new Union());
      if (union == null) {
        return -1;
      }
      int own = union.mode() == UnionMode.Dense ? 2 : 1;
      return version < MetadataVersion.V5 ? own + 1 : own;
    }
  }
}
