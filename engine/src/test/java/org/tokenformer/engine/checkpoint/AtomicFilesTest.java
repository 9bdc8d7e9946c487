package org.tokenformer.engine.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

class AtomicFilesTest {
  @TempDir Path folder;

  @Test
  void writesAndReplacesText() throws IOException {
    Path path = folder.resolve("config.json");
    AtomicFiles.writeText(path, "eins");
    AtomicFiles.writeText(path, "zwei é");
    assertEquals("zwei é", Files.readString(path));
    assertEquals(List.of("config.json"), Fixtures.filesIn(folder));
  }

  @Test
  void anyFailureOfTheWriterLeavesNothing() throws IOException {
    Path path = folder.resolve("file");
    assertThrows(
        IllegalStateException.class,
        () ->
            AtomicFiles.write(
                path,
                out -> {
                  throw new IllegalStateException();
                }));
    CheckpointException own = new CheckpointException(Kind.LIMIT, path, "too much");
    CheckpointException thrown =
        assertThrows(
            CheckpointException.class,
            () ->
                AtomicFiles.write(
                    path,
                    out -> {
                      throw own;
                    }));
    assertEquals(own, thrown);
    assertEquals(List.of(), Fixtures.filesIn(folder));
  }

  @Test
  void refusesTargetsThatCannotBe() throws IOException {
    Fixtures.refuses(
        Kind.CANNOT_WRITE,
        () -> AtomicFiles.writeText(folder.resolve("missing").resolve("file"), ""),
        "there is no folder",
        "missing");
    Fixtures.refuses(Kind.EXISTS, () -> AtomicFiles.writeText(folder, ""), "is a folder");
    Path file = Files.createFile(folder.resolve("file"));
    Fixtures.refuses(
        Kind.CANNOT_WRITE, () -> AtomicFiles.writeText(file.resolve("below"), ""), "cannot write");
  }

  @Test
  void writesAFolder() throws IOException {
    Path model = folder.resolve("model");
    AtomicFolder.write(model, IfExists.REFUSE, AtomicFilesTest::fill);
    assertEquals(List.of("a.txt", "training"), Fixtures.filesIn(model));
    assertEquals(List.of("model"), Fixtures.filesIn(folder));
  }

  @Test
  void refusesAnExistingFolderBeforeAnythingIsWritten() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    Fixtures.refuses(
        Kind.EXISTS,
        () ->
            AtomicFolder.write(
                model,
                IfExists.REFUSE,
                f -> {
                  throw new AssertionError("must not be asked");
                }),
        "model",
        "exists");
    Path file = Files.createFile(folder.resolve("file"));
    Fixtures.refuses(
        Kind.EXISTS,
        () -> AtomicFolder.write(file, IfExists.REPLACE, AtomicFilesTest::fill),
        "not a folder");
    assertEquals(List.of("file", "model"), Fixtures.filesIn(folder));
  }

  @Test
  void replacesAFolderWhenAsked() throws IOException {
    Path outside = Files.writeString(folder.resolve("outside"), "stays");
    Path model = Files.createDirectory(folder.resolve("model"));
    Files.writeString(model.resolve("old.txt"), "old");
    Files.createSymbolicLink(model.resolve("link"), outside);
    AtomicFolder.write(model, IfExists.REPLACE, AtomicFilesTest::fill);
    assertEquals(List.of("a.txt", "training"), Fixtures.filesIn(model));
    assertEquals(List.of("model", "outside"), Fixtures.filesIn(folder));
    assertEquals("stays", Files.readString(outside));
  }

  @Test
  void aLinkToAFolderStaysAndTheFolderIsReplaced() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    Files.writeString(model.resolve("old.txt"), "old");
    Path link = Files.createSymbolicLink(folder.resolve("link"), model);
    AtomicFolder.write(link, IfExists.REPLACE, AtomicFilesTest::fill);
    assertEquals(List.of("a.txt", "training"), Fixtures.filesIn(model));
    assertEquals(model, Files.readSymbolicLink(link));
    assertEquals(List.of("link", "model"), Fixtures.filesIn(folder));
  }

  @Test
  void aFailureLeavesTheOldFolder() throws IOException {
    Path model = Files.createDirectory(folder.resolve("model"));
    Files.writeString(model.resolve("old.txt"), "old");
    Fixtures.refuses(
        Kind.CANNOT_WRITE,
        () ->
            AtomicFolder.write(
                model,
                IfExists.REPLACE,
                f -> {
                  fill(f);
                  throw new IOException("No space left on device");
                }),
        "model",
        "No space left on device");
    // A failure inside is reported with the target's name.
    Fixtures.refuses(
        Kind.CANNOT_WRITE,
        () ->
            AtomicFolder.write(
                model,
                IfExists.REPLACE,
                f ->
                    AtomicFiles.write(
                        f.resolve("model.safetensors"),
                        out -> {
                          throw new IOException("No space left on device");
                        })),
        model.resolve("model.safetensors") + ": cannot write: No space left on device; nothing");
    assertEquals(List.of("old.txt"), Fixtures.filesIn(model));
    assertEquals(List.of("model"), Fixtures.filesIn(folder));
  }

  private static void fill(Path folder) throws IOException {
    Files.writeString(folder.resolve("a.txt"), "a");
    Files.createDirectory(folder.resolve("training"));
    AtomicFiles.writeText(folder.resolve("training").resolve("b.txt"), "b");
  }
}
