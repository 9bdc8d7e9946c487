package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.checkpoint.PickleValue.Dict;
import org.tokenformer.engine.checkpoint.PickleValue.Int;
import org.tokenformer.engine.checkpoint.PickleValue.Opaque;
import org.tokenformer.engine.checkpoint.PickleValue.Real;
import org.tokenformer.engine.checkpoint.PickleValue.Sequence;
import org.tokenformer.engine.checkpoint.PickleValue.Text;
import org.tokenformer.engine.checkpoint.PickleValue.Tuple;

/** Pickles as text, one character per byte, without the protocol number. */
class PickleMachineTest {
  private static PickleValue read(String pickle) throws CheckpointException {
    byte[] bytes = ("\u0080\u0002" + pickle).getBytes(StandardCharsets.ISO_8859_1);
    return PickleMachine.read(Path.of("x.bin"), MemorySegment.ofArray(bytes));
  }

  private static void refuses(Kind kind, String pickle, String... parts) {
    Fixtures.refuses(kind, () -> read(pickle), parts);
    Fixtures.refuses(kind, () -> read(pickle), "x.bin: data.pkl");
  }

  @Test
  void readsNumbersAndText() throws CheckpointException {
    assertEquals(new Int(-2), read("J\u00fe\u00ff\u00ff\u00ff."));
    assertEquals(new Int(65535), read("M\u00ff\u00ff."));
    assertEquals(new Int(0), read("\u008a\0."));
    assertEquals(new Int(-1), read("\u008a\1\u00ff."));
    assertEquals(new Int(Long.MIN_VALUE), read("\u008a\b\0\0\0\0\0\0\0\u0080."));
    assertEquals(new Real(1.5), read("G?\u00f8\0\0\0\0\0\0."));
    assertEquals(new Text("é"), read("\u008c\2\u00c3\u00a9."));
    assertEquals(new Text("ab"), read("\u008d\2\0\0\0\0\0\0\0ab."));
  }

  @Test
  void readsContainers() throws CheckpointException {
    Tuple tuple = assertInstanceOf(Tuple.class, read("(NK\1K\2K\3\u0087t."));
    assertEquals(2, tuple.items.size());
    assertEquals(
        List.of(new Int(1), new Int(2), new Int(3)), ((Tuple) tuple.items.getLast()).items);
    Sequence list = assertInstanceOf(Sequence.class, read("]K\1a(K\2K\3e."));
    assertEquals(List.of(new Int(1), new Int(2), new Int(3)), list.items);
    Dict dict = assertInstanceOf(Dict.class, read("}(K\1K\2K\1K\3u."));
    assertEquals(new Int(3), dict.items.get(1L));
  }

  @Test
  void remembersValues() throws CheckpointException {
    Tuple tuple = assertInstanceOf(Tuple.class, read("]q\0]\u0094h\0h\1\u0086\u0087."));
    Tuple inner = (Tuple) tuple.items.get(2);
    assertSame(tuple.items.get(0), inner.items.get(0));
    assertSame(tuple.items.get(1), inner.items.get(1));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "os.system",
        "posix.system",
        "nt.system",
        "builtins.eval",
        "__builtin__.exec",
        "builtins.__import__",
        "subprocess.Popen",
        "torch.hub.load",
        "importlib.import_module"
      })
  void refusesGlobalsThatRunCode(String global) {
    int dot = global.lastIndexOf('.');
    String module = global.substring(0, dot);
    String name = global.substring(dot + 1);
    String shown = "'" + global + "'";
    refuses(Kind.FORBIDDEN_GLOBAL, "c" + module + "\n" + name + "\n.", shown, "nothing was run");
    String texts =
        "\u008c" + (char) module.length() + module + "\u008c" + (char) name.length() + name;
    refuses(Kind.FORBIDDEN_GLOBAL, texts + "\u0093.", shown, "nothing was run");
  }

  /** Other names stand for themselves: what is called or built from them has no effect. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "builtins.set",
        "argparse.Namespace",
        "torch.storage._load_from_bytes",
        "torch.FloatStorage2",
        "torch._utils._rebuild_sparse_tensor",
        "numpy.core.multiarray._reconstruct",
        ".torch.FloatStorage"
      })
  void otherGlobalsAreOpaque(String global) throws CheckpointException {
    int dot = global.lastIndexOf('.');
    String module = global.substring(0, dot);
    String name = global.substring(dot + 1);
    String pickle = "c" + module + "\n" + name + "\n";
    for (String use :
        List.of(
            "",
            "N\u0085R",
            ")\u0081",
            ")}\u0092",
            "}b",
            "Na",
            "(NNe",
            "NNs",
            "(NNu",
            "(NN\u0090")) {
      Opaque value = assertInstanceOf(Opaque.class, read(pickle + use + "."), use);
      assertEquals(module, value.module());
      assertEquals(name, value.name());
      assertEquals(name.startsWith("_rebuild"), value.tensor());
    }
  }

  @Test
  void skipsValuesThatTensorsDoNotNeed() throws CheckpointException {
    assertEquals(Opaque.SET, read("\u008f(K\1K\2\u0090."));
    assertEquals(Opaque.SET, read("(K\1\u0091."));
    assertEquals(Opaque.BYTES, read("C\3abc."));
    assertEquals(Opaque.BYTES, read("B\3\0\0\0abc."));
    assertEquals(Opaque.BYTES, read("\u008e\3\0\0\0\0\0\0\0abc."));
    assertEquals(Opaque.BYTES, read("\u0096\3\0\0\0\0\0\0\0abc."));
    assertEquals(Opaque.NUMBER, read("\u008a\11\0\0\0\0\0\0\0\0\1."));
    assertEquals(Opaque.NUMBER, read("\u008b\11\0\0\0\0\0\0\0\0\0\0\0\1."));
    assertEquals(new Int(2), read("\u008b\1\0\0\0\2."));
    assertEquals(Opaque.TEXT, read("X\1\0\1\0" + "x".repeat(65537) + "."));
    assertEquals(new Int(1), read("K\1K\2" + "0."));
    assertEquals(new Int(1), read("K\1(K\2K\3" + "1."));
  }

  @Test
  void readsDictsOfAnyClass() throws CheckpointException {
    for (String dict :
        List.of(
            "ccollections\nOrderedDict\n)R",
            "ccollections\nOrderedDict\n)\u0081",
            "ccollections\ndefaultdict\nc__builtin__\nlist\n\u0085R",
            "ccollections\nCounter\n}\u0085R",
            "c__builtin__\ndict\n]\u0085R")) {
      Dict read = assertInstanceOf(Dict.class, read(dict + "K\1K\2s."), dict);
      assertEquals(new Int(2), read.items.get(1L));
    }
    Dict pairs =
        assertInstanceOf(
            Dict.class, read("ccollections\nOrderedDict\n]]K\1aK\2aaK\3K\4\u0086a\u0085R."));
    assertEquals(new Int(2), pairs.items.get(1L));
    assertEquals(new Int(4), pairs.items.get(3L));
    Dict keys = assertInstanceOf(Dict.class, read("}(K\1K\2\u0086K\3NK\4G\0\0\0\0\0\0\0\0K\5u."));
    assertEquals(3, keys.items.size());
  }

  /** Returns all instructions that are not on the allow-list, known or not. */
  static Stream<Integer> otherInstructions() {
    String allowed = ".(cNJKMGX)t]ae}suqrhjQRbTUBC01";
    return IntStream.range(0, 256)
        .filter(c -> c >= 128 || allowed.indexOf(c) < 0)
        .filter(c -> !(c >= 0x85 && c <= 0x8a) && !(c >= 0x93 && c <= 0x95))
        .filter(c -> c != 0x81 && c != 0x92 && c != 0x96 && !(c >= 0x8b && c <= 0x91))
        .boxed();
  }

  @ParameterizedTest
  @MethodSource("otherInstructions")
  void refusesInstructionsByName(int opcode) {
    String name = PickleOpcode.name(opcode);
    refuses(Kind.FORBIDDEN_OPCODE, "N" + (char) opcode + ".", name + " at byte 3", "nothing");
  }

  @Test
  void namesTheInstructionsThatRunCode() {
    assertEquals("INST", PickleOpcode.name('i'));
    assertEquals("OBJ", PickleOpcode.name('o'));
    assertEquals("EXT1", PickleOpcode.name(0x82));
    assertEquals("0xff", PickleOpcode.name(0xff));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", // ends early
        "N",
        "NN.",
        ".",
        "(.",
        "(N.",
        "X\1\0\0",
        "X\1\0\0\0",
        "X\1\0\0\0\u00ff.",
        "cos",
        "\u0095\1\0\0\0\0\0\0\0",
        "\u0095\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff.",
        "t.", // no mark
        "\u0085.",
        "(\u0085.",
        "q\0.", // nothing to memoize
        "h\0.", // nothing memoized
        "j\u00ff\u00ff\u00ff\u00ff.",
        "NNa.", // not a list
        "]e.",
        "NNNs.", // not a dict
        "}(Nu.",
        "}]Ns.", // keys that Python cannot hash
        "NNR.", // calls
        "N)R.",
        "ctorch\nFloatStorage\n)R.",
        "ccollections\nOrderedDict\nN\u0085R.",
        "ctorch._utils\n_rebuild_tensor_v2\n)R.",
        "ctorch._utils\n_rebuild_parameter\n)R.",
        "ctorch._utils\n_rebuild_parameter\nN\u0085R.",
        "NN\u0093.", // globals named by something other than strings
        "NQ.", // storages
        ")Q.",
        "N}b.", // attributes
        "ctorch\nFloatStorage\n)\u0081.", // objects
        "ccollections\nOrderedDict\nN\u0081.",
        "ctorch._utils\n_rebuild_tensor_v2\n)\u0081.",
        "ctorch._tensor\n_rebuild_from_type_v2\nq\0h\0N)N\u0086R.",
        "ccollections\nOrderedDict\n]NaN\u0085R.",
        "ccollections\nOrderedDict\nN\u0085R.",
        "NN\u0090.", // no mark
        "(N\u0090.",
        "0.",
        "1."
      })
  void refusesMisuse(String pickle) {
    refuses(Kind.BAD_PICKLE, pickle);
  }

  @Test
  void refusesOtherProtocols() {
    for (int protocol : new int[] {0, 1, 6, 255}) {
      byte[] bytes = {(byte) 0x80, (byte) protocol, 'N', '.'};
      Fixtures.refuses(
          Kind.BAD_PICKLE,
          () -> PickleMachine.read(Path.of("x.bin"), MemorySegment.ofArray(bytes)),
          "protocol " + protocol);
    }
    byte[] zero = "cos\nsystem\n(S'ls'\ntR.".getBytes(StandardCharsets.US_ASCII);
    Fixtures.refuses(
        Kind.BAD_PICKLE,
        () -> PickleMachine.read(Path.of("x.bin"), MemorySegment.ofArray(zero)),
        "protocol number");
  }

  @Test
  void longValuesMustBeThere() {
    refuses(Kind.BAD_PICKLE, "X\u00ff\u00ff\u00ff\u00ffa", "inside an instruction");
    String all = "\u00ff".repeat(8);
    for (String opcode : List.of("\u008d", "\u008e", "\u0096")) {
      refuses(Kind.BAD_PICKLE, opcode + all + "a", "inside an instruction");
    }
    refuses(Kind.BAD_PICKLE, "c" + "x".repeat(257), "256");
    String name = "X\1\1\0\0" + "x".repeat(257);
    refuses(Kind.BAD_PICKLE, name + "\u008c\1y\u0093.", "256");
  }

  @Test
  void bombsStaySmall() {
    // Sixty levels of pairs that would unfold to 2^60 values.
    String laughs = "]q\0" + "h\0\u0086q\0".repeat(60) + ".";
    String own = "]q\0h\0a.";
    assertTimeoutPreemptively(
        Duration.ofSeconds(10),
        () -> {
          assertInstanceOf(Tuple.class, read(laughs));
          assertInstanceOf(Sequence.class, read(own));
          assertInstanceOf(Dict.class, read("}" + laughs.replace('.', 'N') + "s."));
          refuses(
              Kind.LIMIT, "N\u0094".repeat(PickleMachine.MAX_INSTRUCTIONS / 2) + ".", "4194304");
          refuses(Kind.BAD_PICKLE, "(".repeat(1_000_000) + "t".repeat(1_000_000) + "N.");
        });
    // Each call would copy a million items.
    String copies = "c__builtin__\ndict\nq\0](" + "NN\u0086".repeat(300_000) + "eq\1";
    String copy = "h\0h\1\u0085R";
    refuses(Kind.LIMIT, copies + copy.repeat(1000) + ".", "copies");
  }
}
