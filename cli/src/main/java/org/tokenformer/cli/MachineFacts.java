package org.tokenformer.cli;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.measure.Machine;

/** Facts about the machine and the JVM that need no measurement. */
final class MachineFacts {
  private static final String VECTOR_MODULE = "jdk.incubator.vector";
  private static final Path CPU_FILE = Path.of("/proc/cpuinfo"); // Linux only
  private static final Pattern CPU_NAME = Pattern.compile("(?m)^model name\\s*:\\s*(.+?)\\s*$");
  private static final Pattern CPU_FLAGS = Pattern.compile("(?m)^(?:flags|Features)\\s*:(.*)$");
  private static final Pattern VECTOR_FLAG =
      Pattern.compile("\\b(?:avx\\w*|fma|f16c|amx\\w*|asimd\\w*|sve\\w*)\\b");
  private static final Pattern CPU_NUMBER = Pattern.compile("(?m)^processor\\s*:");

  private MachineFacts() {}

  /** Returns whether the JVM was started with the module that the vector backend needs. */
  static boolean vectorModule() {
    return ModuleLayer.boot().findModule(VECTOR_MODULE).isPresent();
  }

  static String cpu() {
    Matcher name = CPU_NAME.matcher(cpuInfo());
    return (name.find() ? name.group(1) + ", " : "") + System.getProperty("os.arch");
  }

  static String operatingSystem() {
    return System.getProperty("os.name") + " " + System.getProperty("os.version");
  }

  static String jdk() {
    return System.getProperty("java.vendor") + " " + Runtime.version();
  }

  /** Returns the number of processors that this process may use. */
  static int processors() {
    return Runtime.getRuntime().availableProcessors();
  }

  /** Returns the number of processors of the machine, or of this process if that is unknown. */
  static int allProcessors() {
    int count = (int) CPU_NUMBER.matcher(cpuInfo()).results().count();
    return Math.max(count, processors());
  }

  /** Returns the processor's vector instruction sets as Linux names them; empty elsewhere. */
  static String vectorFlags() {
    Matcher flags = CPU_FLAGS.matcher(cpuInfo());
    return flags.find()
        ? VECTOR_FLAG
            .matcher(flags.group(1))
            .results()
            .map(MatchResult::group)
            .collect(Collectors.joining(" "))
        : "";
  }

  private static String cpuInfo() {
    try {
      return Files.isReadable(CPU_FILE) ? Files.readString(CPU_FILE) : "";
    } catch (IOException e) {
      return "";
    }
  }

  /** Returns the measured limits as human-readable lines. */
  static List<String> lines(Machine.Ceilings ceilings) {
    return List.of(
        "%s GFLOP/s, %s on one thread"
            .formatted(
                Amount.rate(ceilings.flops() / 1e9), Amount.rate(ceilings.flopsOneThread() / 1e9)),
        "%s GB/s, %s on one thread"
            .formatted(
                Amount.rate(ceilings.bytesPerSecond() / 1e9),
                Amount.rate(ceilings.bytesPerSecondOneThread() / 1e9)));
  }

  /** Writes the facts as fields of an open JSON object. */
  static void write(JsonWriter out, Backend backend, Machine.@Nullable Ceilings ceilings)
      throws IOException {
    out.name("cpu").value(cpu());
    out.name("os").value(operatingSystem());
    out.name("jdk").value(jdk());
    out.name("processors").value(processors());
    out.name("backend").value(backend.name());
    out.name("threads").value(backend.threads());
    if (vectorModule()) {
      out.name("vector_bits").value(Machine.vectorBits());
    }
    if (ceilings != null) {
      out.name("peak_gflops").value(ceilings.flops() / 1e9);
      out.name("peak_gflops_one_thread").value(ceilings.flopsOneThread() / 1e9);
      out.name("peak_gigabytes_per_second").value(ceilings.bytesPerSecond() / 1e9);
      out.name("peak_gigabytes_per_second_one_thread")
          .value(ceilings.bytesPerSecondOneThread() / 1e9);
    }
  }
}
