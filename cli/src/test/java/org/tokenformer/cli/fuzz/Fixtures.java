package org.tokenformer.cli.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.tokenformer.cli.FuzzAccess;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.tokenizer.Tokenizer;
import org.tokenformer.tokenizer.dataset.TokenFiles;

/** The smallest files of each kind, made by the program's own commands. */
final class Fixtures {
  private final Path folder;
  private final Path text;

  /** Creates files in a new folder. */
  Fixtures(Path folder) {
    this.folder = folder;
    text = folder.resolve("text");
  }

  /** Trains a model for one step; returns the run's folder, which is a model folder too. */
  Path run() throws IOException {
    Path run = folder.resolve("run");
    Files.writeString(text, "a fox and a hen\n".repeat(64));
    Path tokenizer = folder.resolve("tokenizer.json");
    FuzzAccess.run("train-tokenizer", "--vocab-size", "257", "-o", "" + tokenizer, "" + text);
    FuzzAccess.run(
        ("train --quiet --layers 1 --hidden 8 --heads 1 --qkv 2 --proj 2 --ffn 3 --context 8"
                + " --steps 1 --batch 1 --backend scalar --data %s -t %s -o %s")
            .formatted(text, tokenizer, run)
            .split(" "));
    return run;
  }

  /** Returns the ids on which {@link #run} trains. */
  int[] ids(Path run) throws IOException {
    Path json = run.resolve(ModelFolder.TOKENIZER_FILE);
    try (TokenFiles data =
        TokenFiles.open(List.of(text), Tokenizer.load(json), json, TokenFiles.Listener.NONE)) {
      int[] ids = new int[(int) data.size()];
      data.read(0, ids, 0, ids.length);
      return ids;
    }
  }

  /** Converts a model to another type. */
  Path quantized(Path model, String type) {
    Path target = folder.resolve(type);
    FuzzAccess.run("quantize", "--quiet", "-m", "" + model, "--type", type, "-o", "" + target);
    return target;
  }

  /** Makes a pack for a model. */
  Path pack(Path base) {
    Path grown = folder.resolve("grown");
    Path pack = folder.resolve("pack.safetensors");
    FuzzAccess.run("grow", "-m", "" + base, "--qkv", "3", "--ffn", "5", "-o", "" + grown);
    FuzzAccess.run("pack", "save", "-m", "" + grown, "--base", "" + base, "-o", "" + pack);
    return pack;
  }

  /** Copies the files of a model folder. */
  static Path copy(Path model, Path target) throws IOException {
    try (var files = Files.walk(model)) {
      for (Path file : files.toList()) {
        Files.copy(file, target.resolve(model.relativize(file).toString()));
      }
    }
    return target;
  }
}
