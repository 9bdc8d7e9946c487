package org.tokenformer.cli.docs;

import java.io.IOException;
import java.nio.file.Path;
import java.util.stream.IntStream;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.tokenizer.StreamDecoder;
import org.tokenformer.tokenizer.Tokenizer;

public final class LazyStory {
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    Tokenizer tokenizer = Tokenizer.load(folder.resolve("tokenizer.json"));
    GenerationOptions options =
        GenerationOptions.of(20)
            .endingAt(tokenizer.endOfTextId().stream().toArray())
            .sampledBy(SamplingOptions.defaults().withSeed(7));
    try (LanguageModel model = LanguageModel.load(folder);
        IntStream ids = model.stream(tokenizer.encode("A king"), options)) {
      StreamDecoder text = tokenizer.newStreamDecoder();
      ids.mapToObj(text::accept).forEachOrdered(System.out::print);
      System.out.println(text.finish());
    }
  }
}
