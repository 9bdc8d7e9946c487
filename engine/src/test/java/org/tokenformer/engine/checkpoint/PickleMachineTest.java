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
        "builtins.getattr",
        "subprocess.Popen",
        "torch.storage._load_from_bytes",
        "torch.hub.load",
        "torch.FloatStorage2",
        "torch._utils._rebuild_sparse_tensor",
        "collections.defaultdict",
        "numpy.core.multiarray._reconstruct"
      })
  void refusesGlobalsByName(String global) {
    int dot = global.lastIndexOf('.');
    String module = global.substring(0, dot);
    String name = global.substring(dot + 1);
    String shown = "'" + global + "'";
    refuses(Kind.FORBIDDEN_GLOBAL, "c" + module + "\n" + name + "\n.", shown, "nothing was run");
    String texts =
        "\u008c" + (char) module.length() + module + "\u008c" + (char) name.length() + name;
    refuses(Kind.FORBIDDEN_GLOBAL, texts + "\u0093.", shown, "nothing was run");
  }

  @Test
  void aNameInTwoPartsThatJoinToAnAllowedOneIsNoWayAround() {
    refuses(Kind.FORBIDDEN_GLOBAL, "c\ntorch.FloatStorage\n.", "'.torch.FloatStorage'");
    refuses(Kind.FORBIDDEN_GLOBAL, "ctorch\n\u00e9\u0001\n.", "\\u0001");
  }

  /** Returns all instructions that are not on the allow-list, known or not. */
  static Stream<Integer> otherInstructions() {
    String allowed = ".(cNJKMGX)t]ae}suqrhjQRb";
    return IntStream.range(0, 256)
        .filter(c -> c >= 128 || allowed.indexOf(c) < 0)
        .filter(c -> !(c >= 0x85 && c <= 0x8a) && !(c >= 0x93 && c <= 0x95))
        .filter(c -> c != 0x8c && c != 0x8d)
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
    assertEquals("NEWOBJ", PickleOpcode.name(0x81));
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
        "\u008a\11\0\0\0\0\0\0\0\0\0.", // more than a long
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
        "}NNs.", // keys that would be hashed
        "}]Ns.",
        "}G\0\0\0\0\0\0\0\0Ns.",
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
        "}}b.",
        "}}X\4\0\0\0evilNsb.",
        "ccollections\nOrderedDict\n)R)b."
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
  void longTextIsRefusedBeforeItIsRead() {
    refuses(Kind.LIMIT, "X\u00ff\u00ff\u00ff\u00ffa", "4294967295", "65536");
    String all = "\u00ff".repeat(8);
    refuses(Kind.LIMIT, "\u008d" + all + "a", "18446744073709551615");
    refuses(Kind.BAD_PICKLE, "c" + "x".repeat(257), "256");
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
          refuses(Kind.BAD_PICKLE, "}" + laughs.replace('.', 'N') + "s.", "key");
          refuses(
              Kind.LIMIT, "N\u0094".repeat(PickleMachine.MAX_INSTRUCTIONS / 2) + ".", "4194304");
          refuses(Kind.BAD_PICKLE, "(".repeat(1_000_000) + "t".repeat(1_000_000) + "N.");
        });
    byte[] large = new byte[(int) PickleMachine.MAX_BYTES + 1];
    Fixtures.refuses(
        Kind.LIMIT,
        () -> PickleMachine.read(Path.of("x.bin"), MemorySegment.ofArray(large)),
        "33554433",
        "33554432");
  }
}
