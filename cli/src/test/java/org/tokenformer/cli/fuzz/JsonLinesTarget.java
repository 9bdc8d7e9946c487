package org.tokenformer.cli.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.cli.FuzzAccess;

/** JSON lines with texts or ids. */
final class JsonLinesTarget implements FuzzTarget {
  JsonLinesTarget(Path scratch) {}

  @Override
  public void read(byte[] bytes) throws IOException {
    FuzzAccess.jsonLines(bytes);
  }

  @Override
  public List<byte[]> seeds() {
    return List.of(
        "{\"text\":\"Es war einmal\"}\n{\"ids\":[1,-2,30]}\n".getBytes(UTF_8),
        "{\"other\":{\"a\":[null,true,1e5]},\"text\":\"\\u00e9\\n\\ud83d\\ude00\"}"
            .getBytes(UTF_8));
  }
}
