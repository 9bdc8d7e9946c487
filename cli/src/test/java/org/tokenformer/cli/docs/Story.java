package org.tokenformer.cli.docs;

import java.io.IOException;
import java.nio.file.Path;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.tokenizer.StreamDecoder;
import org.tokenformer.tokenizer.Tokenizer;

public final class Story {
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    Tokenizer tokenizer = Tokenizer.load(folder.resolve("tokenizer.json"));
    GenerationOptions options =
        GenerationOptions.of(60).endingAt(tokenizer.endOfTextId().stream().toArray());
    try (LanguageModel model = LanguageModel.load(folder)) {
      StreamDecoder text = tokenizer.newStreamDecoder("The end");
      model.generate(
          tokenizer.encode("Once upon a time"),
          options,
          id -> {
            System.out.print(text.accept(id));
            return !text.stopped();
          });
      System.out.println(text.finish());
    }
  }
}
