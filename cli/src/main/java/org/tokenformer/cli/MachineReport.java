package org.tokenformer.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.OneLine;

/**
 * What a bug report needs besides the checks of {@code doctor}: the program, the JVM with its
 * options, and the environment. The user's home folder appears as {@code ~}.
 */
final class MachineReport {
  /** The variables that this program, its launcher and the JVM read. */
  private static final List<String> VARIABLES =
      List.of(
          "JAVA_HOME",
          "JAVA_TOOL_OPTIONS",
          "JDK_JAVA_OPTIONS",
          "_JAVA_OPTIONS",
          "LANG",
          "LC_ALL",
          "LC_CTYPE",
          "NO_COLOR",
          "TERM",
          "TF_JAVA_HOME",
          "TF_JAVA_OPTS",
          "TF_JDK_FOLDERS");

  private MachineReport() {}

  /** Returns one line for each fact, its name first. */
  static List<String> lines() throws IOException {
    List<String> lines = new ArrayList<>();
    lines.add(line("program", new Version().getVersion()[0]));
    lines.add(
        line(
            "jvm",
            System.getProperty("java.vm.name") + " " + System.getProperty("java.vm.version")));
    List<String> options = ManagementFactory.getRuntimeMXBean().getInputArguments();
    lines.add(line("jvm options", String.join(" ", options)));
    lines.add(line("vector flags", MachineFacts.vectorFlags()));
    lines.add(line("memory", Amount.bytes(TrainingNeeds.machineBytes())));
    lines.add(line("locale", Locale.getDefault() + ", " + System.getProperty("native.encoding")));
    lines.add(line("environment", environment()));
    return lines;
  }

  private static String environment() {
    var set = new TreeMap<>(System.getenv());
    set.keySet().retainAll(VARIABLES);
    return set.entrySet().stream().map(Object::toString).collect(Collectors.joining(", "));
  }

  private static String line(String name, String value) {
    return "      %-13s  %s".formatted(name, value.isEmpty() ? "none" : anonymous(value));
  }

  /** Returns a value on one line, without the name of the user's home folder. */
  static String anonymous(String value) {
    String home = System.getProperty("user.home", "");
    boolean isRoot = home.length() <= 1; // or unknown
    return OneLine.of(isRoot ? value : value.replace(home, "~"));
  }
}
