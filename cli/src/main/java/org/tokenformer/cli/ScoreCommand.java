package org.tokenformer.cli;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.tokenformer.cli.console.Console;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

@Command(
    name = "score",
    description = {
      "Computes the log-probabilities of given texts.",
      "Reads JSON lines, {\"text\": ...} or {\"ids\": [...]}, and prints one line for each:"
          + " {\"ids\": [...], \"logprobs\": [null, ...], \"sum\": ...}. A log-probability is"
          + " the natural logarithm of the probability of an id given the preceding ids, over"
          + " the whole vocabulary."
    })
final class ScoreCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private ModelOptions model = new ModelOptions();

  @Parameters(
      paramLabel = "FILE",
      arity = "0..*",
      description = "Files of JSON lines; - or none means standard input.")
  private List<Path> files = new ArrayList<>();

  ScoreCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    try (ModelOptions.Loaded loaded = model.load(console)) {
      JsonLines.answer(console, files, (line, out) -> answer(loaded, line, out));
    }
    return 0;
  }

  private static void answer(ModelOptions.Loaded loaded, JsonLines.Line line, JsonWriter out)
      throws IOException {
    if (line.fields().text() != null && line.fields().ids() != null) {
      throw line.problem("has both \"text\" and \"ids\"; give one of them");
    }
    int[] ids =
        line.fields().ids() != null
            ? line.requireIds()
            : loaded.tokenizer().encode(line.requireText());
    check(loaded, line, ids);
    double[] logprobs = loaded.model().score(ids);
    out.beginObject();
    JsonLines.writeIds(out, ids);
    out.name("logprobs").beginArray();
    double sum = 0;
    for (int i = 0; i < logprobs.length; i++) {
      if (i == 0) {
        out.nullValue();
      } else if (Double.isFinite(logprobs[i])) {
        out.value((float) logprobs[i]); // float precision: more digits would be noise
        sum += logprobs[i];
      } else {
        throw line.problem("the log-probability of ids[" + i + "] overflows in this model");
      }
    }
    out.endArray();
    out.name("sum").value(sum);
    out.endObject();
  }

  private static void check(ModelOptions.Loaded loaded, JsonLines.Line line, int[] ids) {
    int context = loaded.model().config().contextLength();
    if (ids.length > context) {
      throw line.problem(
          "has %d ids, but the model's context has only %d positions; split it"
              .formatted(ids.length, context));
    }
    int rows = loaded.model().config().vocabularySize();
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0 || ids[i] >= rows) {
        throw line.problem("ids[%d] = %d is not between 0 and %d".formatted(i, ids[i], rows - 1));
      }
    }
  }
}
