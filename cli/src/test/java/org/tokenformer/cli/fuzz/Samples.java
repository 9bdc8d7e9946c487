package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Valid files of {@code testdata}. */
final class Samples {
  private static final Path TESTDATA = Path.of(System.getProperty("project.root"), "testdata");

  private Samples() {}

  static Path path(String name) {
    return TESTDATA.resolve(name);
  }

  static List<byte[]> files(String folder, String... names) throws IOException {
    List<byte[]> files = new ArrayList<>();
    for (String name : names) {
      files.add(Files.readAllBytes(path(folder).resolve(name)));
    }
    return files;
  }
}
