package org.tokenformer.cli.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.tokenizer.JsonRecord;
import org.tokenformer.tokenizer.TextLines;
import org.tokenformer.tokenizer.TextRules;

/** JSON lines with texts or ids. */
final class JsonLinesTarget implements FuzzTarget {
  private static final int MAX_LINE = 1 << 12;

  JsonLinesTarget(Path scratch) {}

  @Override
  public void read(byte[] bytes) throws IOException {
    InputStream in = new ByteArrayInputStream(bytes);
    try (TextLines lines = TextLines.of(in, "x.jsonl", TextRules.ANY_SYNTAX)) {
      for (String line = lines.readLine(MAX_LINE); line != null; line = lines.readLine(MAX_LINE)) {
        JsonRecord.parse(line);
      }
    }
  }

  @Override
  public List<byte[]> seeds() {
    return List.of(
        "{\"text\":\"Es war einmal\"}\n{\"ids\":[1,-2,30]}\n".getBytes(UTF_8),
        "{\"other\":{\"a\":[null,true,1e5]},\"text\":\"\\u00e9\\n\\ud83d\\ude00\"}"
            .getBytes(UTF_8));
  }
}
