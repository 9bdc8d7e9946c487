package org.tokenformer.cli;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.AtomicFiles;
import org.tokenformer.engine.model.files.Fields;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.train.RunFolder;
import org.tokenformer.tokenizer.TextRules;
import org.tokenformer.tokenizer.TextRules.Content;

/**
 * What a run needs besides its checkpoints to be resumed without options: its data and when it
 * validates, saves and samples. Stored in the run folder; none of it changes the trained weights.
 *
 * @param valid empty without validation
 * @param texts how texts among the data are read
 * @param sampleEvery steps between samples; 0 for none
 * @param samplePrompt null for the first words of the training data
 */
record RunSettings(
    List<DataFile> data,
    List<DataFile> valid,
    TextRules texts,
    int saveEvery,
    OnSaveError onSaveError,
    RunFolder.Kept kept,
    int evalEvery,
    int sampleEvery,
    @Nullable String samplePrompt) {
  /** The name of the file in a run folder. */
  static final String FILE = "run.json";

  private static final int FORMAT = 1;
  private static final String DATA = "data";
  private static final String VALID = "valid";
  private static final String PLAIN_TEXT = "plain_text";
  private static final String KEEP_LINE_ENDS = "keep_line_ends";
  private static final String SHA256 = "_sha256";
  private static final String SAMPLE_PROMPT = "sample_prompt";

  /** Reads the settings of a run; null if an earlier version, which did not store them, made it. */
  static @Nullable RunSettings read(Path run) throws IOException {
    Path file = run.resolve(FILE);
    if (!Files.exists(file)) {
      return null;
    }
    Fields fields = Fields.of(file);
    if (fields.integer("format") != FORMAT) {
      throw fields.problem(
          "format", fields.integer("format") + " is not " + FORMAT + "; it is of another version");
    }
    return new RunSettings(
        files(fields, DATA),
        files(fields, VALID),
        new TextRules(
            fields.flag(PLAIN_TEXT, false) ? Content.ANYTHING : Content.PROSE,
            fields.flag(KEEP_LINE_ENDS, false)),
        atLeast(1, fields, "save_every"),
        fields.oneOf("on_save_error", OnSaveError.values()),
        new RunFolder.Kept(atLeast(1, fields, "keep"), fields.flag("keep_best", false)),
        atLeast(1, fields, "eval_every"),
        atLeast(0, fields, "sample_every"),
        fields.has(SAMPLE_PROMPT) ? fields.text(SAMPLE_PROMPT) : null);
  }

  private static int atLeast(int minimum, Fields fields, String name) throws ModelFormatException {
    int value = fields.integer(name);
    if (value < minimum) {
      throw fields.problem(name, value + " is less than " + minimum);
    }
    return value;
  }

  private static List<DataFile> files(Fields fields, String name) throws ModelFormatException {
    List<String> paths = fields.texts(name);
    List<String> sums = fields.texts(name + SHA256);
    if (paths.size() != sums.size()) {
      throw fields.problem(
          name + SHA256, "has %d entries for %d files".formatted(sums.size(), paths.size()));
    }
    List<DataFile> files = new ArrayList<>();
    for (int i = 0; i < paths.size(); i++) {
      try {
        files.add(new DataFile(Path.of(paths.get(i)), sums.get(i)));
      } catch (InvalidPathException e) {
        throw fields.problem(name, "entry %d is not a file name".formatted(i + 1));
      }
    }
    return List.copyOf(files);
  }

  /** Returns whether the run also computes with the model between steps. */
  boolean infers() {
    return !valid.isEmpty() || sampleEvery > 0;
  }

  /** Writes the settings into the run folder, unless it has the same. */
  void writeIfChanged(Path run) throws IOException {
    if (equals(read(run))) {
      return;
    }
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("format", FORMAT);
    put(fields, DATA, data);
    put(fields, VALID, valid);
    fields.put(PLAIN_TEXT, texts.content() == Content.ANYTHING);
    fields.put(KEEP_LINE_ENDS, texts.keepLineEnds());
    fields.put("save_every", saveEvery);
    fields.put("on_save_error", onSaveError.toString());
    fields.put("keep", kept.latest());
    fields.put("keep_best", kept.best());
    fields.put("eval_every", evalEvery);
    fields.put("sample_every", sampleEvery);
    if (samplePrompt != null) {
      fields.put(SAMPLE_PROMPT, samplePrompt);
    }
    Gson gson = new GsonBuilder().setPrettyPrinting().disableHtmlEscaping().create();
    AtomicFiles.writeText(run.resolve(FILE), gson.toJson(fields) + "\n");
  }

  private static void put(Map<String, Object> fields, String name, List<DataFile> files) {
    fields.put(name, files.stream().map(file -> file.path().toString()).toList());
    fields.put(name + SHA256, files.stream().map(DataFile::sha256).toList());
  }
}
