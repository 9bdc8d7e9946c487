package org.tokenformer.cli;

import com.google.gson.FormattingStyle;
import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.Backends;
import org.tokenformer.engine.measure.Machine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

@Command(
    name = "doctor",
    description = {
      "Checks this machine's setup and measures its peak performance.",
      "Each line is ok, or a warning with advice. Takes about ten seconds. The exit code is 0"
          + " unless a kernel computes wrong results."
    })
final class DoctorCommand implements Callable<Integer> {
  private static final int JDK = 25;

  /**
   * One line of the report.
   *
   * @param advice how to fix the problem; null if there is none
   */
  private record Check(String name, String value, @Nullable String advice) {
    static Check ok(String name, String value) {
      return new Check(name, value, null);
    }
  }

  private final Console console;

  @Mixin private ComputeOptions compute = new ComputeOptions();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Option(
      names = "--report",
      description =
          "Print what a bug report should contain: also the versions, the JVM options and the"
              + " environment variables that the program reads.")
  private boolean report;

  DoctorCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    UsageErrors.refuseBoth("--json", json, "--report", report);
    List<Check> checks = new ArrayList<>();
    checks.add(jdk());
    checks.add(Check.ok("machine", MachineFacts.cpu() + "; " + MachineFacts.operatingSystem()));
    checks.add(processors());
    checks.add(heap());
    Machine.Ceilings ceilings = null;
    Backends.Choice choice = Backends.open(compute.backend().toString(), compute.threads());
    try (var backend = choice.backend()) {
      checks.add(new Check("backend", backend.description(), choice.warning()));
      List<String> wrong = Machine.selfCheck(backend);
      checks.add(kernels(wrong));
      if (MachineFacts.vectorModule()) {
        console.note("measuring the machine...");
        ceilings = Machine.measure(compute.threads());
        List<String> lines = MachineFacts.lines(ceilings);
        checks.add(Check.ok("arithmetic", lines.get(0)));
        checks.add(Check.ok("memory", lines.get(1)));
      }
      checks.add(defaultModel());
      if (json) {
        StringWriter text = new StringWriter();
        try (var out = new JsonWriter(text)) {
          out.setFormattingStyle(FormattingStyle.PRETTY);
          out.setHtmlSafe(false);
          out.beginObject();
          out.name("machine").beginObject();
          MachineFacts.write(out, backend, ceilings);
          out.endObject();
          write(out, checks);
          out.endObject();
        }
        console.out().println(text.toString());
      } else {
        if (report) {
          MachineReport.lines().forEach(console.out()::println);
        }
        checks.forEach(this::print);
      }
      return wrong.isEmpty() ? 0 : Failures.INTERNAL_ERROR;
    }
  }

  private static Check jdk() {
    String value = MachineFacts.jdk() + " in " + System.getProperty("java.home");
    String advice =
        Runtime.version().feature() == JDK
            ? null
            : "this program is tested on JDK " + JDK + " only; set TF_JAVA_HOME to one";
    return new Check("java", value, advice);
  }

  private static Check processors() {
    int available = MachineFacts.processors();
    int all = MachineFacts.allProcessors();
    if (available == all) {
      return Check.ok("processors", available + "");
    }
    return new Check(
        "processors",
        available + " of the machine's " + all,
        "limited by a container or taskset; allow more processors for more speed");
  }

  private static Check heap() {
    long limit = Runtime.getRuntime().maxMemory();
    return Check.ok(
        "heap", "up to " + Amount.bytes(limit) + "; weights and caches are stored outside of it");
  }

  private static Check kernels(List<String> wrong) {
    return wrong.isEmpty()
        ? Check.ok("kernels", "match the reference implementation")
        : new Check(
            "kernels", String.join("; ", wrong), "use --backend scalar and report this output");
  }

  private static Check defaultModel() {
    Path folder = DefaultModel.folder();
    return folder != null
        ? Check.ok("default model", folder.toString())
        : new Check(
            "default model",
            "not included in this installation",
            "name a model with -m DIR; see 'tokenformer import --help' for how to make one");
  }

  private void print(Check check) {
    String state = check.advice == null ? "ok  " : "warn";
    String advice = check.advice == null ? "" : ": " + check.advice;
    String text = check.value + advice;
    String shown = report ? MachineReport.anonymous(text) : text;
    console.out().println("%s  %-13s  %s".formatted(state, check.name, shown));
  }

  private static void write(JsonWriter out, List<Check> checks) throws IOException {
    out.name("checks").beginArray();
    for (Check check : checks) {
      out.beginObject();
      out.name("name").value(check.name);
      out.name("ok").value(check.advice == null);
      out.name("value").value(check.value);
      if (check.advice != null) {
        out.name("advice").value(check.advice);
      }
      out.endObject();
    }
    out.endArray();
  }
}
