package org.tokenformer.cli;

import com.google.gson.stream.JsonWriter;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "tokenize",
    description = {
      "Converts text to token ids and back.",
      "Reads JSON lines {\"text\": ...} and prints a line {\"ids\": [...]} for each; --decode does"
          + " the reverse. Other fields are ignored. Special tokens are recognised in text and"
          + " kept by --decode; decoded bytes that are not UTF-8 become U+FFFD."
    })
final class TokenizeCommand implements Callable<Integer> {
  private final Console console;

  @Mixin private ModelFolderOption model = new ModelFolderOption();

  @Option(
      names = {"-t", "--tokenizer"},
      paramLabel = "FILE",
      description = "Tokenizer (tokenizer.json). Default: the model's.")
  private @Nullable Path tokenizer;

  @Option(names = "--decode", description = "Read {\"ids\": [...]} and print {\"text\": ...}.")
  private boolean decode;

  @Parameters(
      paramLabel = "FILE",
      arity = "0..*",
      description = "Files of JSON lines; - or none means standard input.")
  private List<Path> files = new ArrayList<>();

  TokenizeCommand(Console console) {
    this.console = console;
  }

  @Override
  public Integer call() throws IOException {
    UsageErrors.refuseBoth("-m", model.isGiven(), "-t", tokenizer != null);
    Tokenizer loaded =
        Tokenizer.load(
            tokenizer == null ? model.path().resolve(ModelFolder.TOKENIZER_FILE) : tokenizer);
    JsonLines.answer(console, files, (line, out) -> answer(loaded, line, out));
    return 0;
  }

  private void answer(Tokenizer tokenizer, JsonLines.Line line, JsonWriter out) throws IOException {
    out.beginObject();
    if (decode) {
      out.name("text").value(decode(tokenizer, line));
    } else {
      JsonLines.writeIds(out, tokenizer.encode(line.requireText()));
    }
    out.endObject();
  }

  private static String decode(Tokenizer tokenizer, JsonLines.Line line) {
    int[] ids = line.requireIds();
    for (int i = 0; i < ids.length; i++) {
      if (ids[i] < 0 || ids[i] >= tokenizer.vocabularySize()) {
        throw line.problem(
            "ids[%d] = %d is not between 0 and %d"
                .formatted(i, ids[i], tokenizer.vocabularySize() - 1));
      }
    }
    return tokenizer.decode(ids, false);
  }
}
