package org.tokenformer.cli.docs;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.generate.Generation;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.model.Session;
import org.tokenformer.tokenizer.StreamDecoder;
import org.tokenformer.tokenizer.Tokenizer;

public final class Conversation {
  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    Tokenizer tokenizer = Tokenizer.load(folder.resolve("tokenizer.json"));
    GenerationOptions options =
        GenerationOptions.of(30).endingAt(tokenizer.endOfTextId().stream().toArray());
    try (LanguageModel model = LanguageModel.load(folder);
        Session session = model.newSession()) {
      for (String turn : List.of("There was once a king", " And the king's daughter")) {
        System.out.print(turn);
        StreamDecoder text = tokenizer.newStreamDecoder();
        Generation generation = new Generation(session, tokenizer.encode(turn), options, null);
        while (generation.advance()) {
          System.out.print(text.accept(generation.id()));
        }
        System.out.print(text.finish());
      }
      System.out.println();
    }
  }
}
