package org.tokenformer.tokenizer;

import com.google.gson.FormattingStyle;
import com.google.gson.stream.JsonWriter;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.tokenformer.tokenizer.io.AtomicFile;

/** Writes a {@code tokenizer.json} in the layout of HF tokenizers. */
final class TokenizerJsonWriter {
  private final JsonWriter json;
  private final Pipeline pipeline;

  private TokenizerJsonWriter(Pipeline pipeline, Writer writer) {
    this.pipeline = pipeline;
    json = new JsonWriter(writer);
    json.setFormattingStyle(FormattingStyle.PRETTY);
    json.setSerializeNulls(true);
  }

  /** Writes a file; after an error, an existing file is unchanged. */
  static void write(Pipeline pipeline, Path file) throws IOException {
    try (AtomicFile target = AtomicFile.create(file)) {
      Writer writer =
          new BufferedWriter(
              new OutputStreamWriter(
                  Channels.newOutputStream(target.channel()), StandardCharsets.UTF_8));
      new TokenizerJsonWriter(pipeline, writer).write();
      writer.write('\n');
      writer.flush();
      target.commit();
    } catch (IOException e) {
      throw new Problems(file.toString()).of("cannot write: " + AtomicFile.reason(e), e);
    }
  }

  private void write() throws IOException {
    json.beginObject();
    json.name("version").value("1.0");
    json.name("truncation").nullValue();
    json.name("padding").nullValue();
    addedTokens();
    json.name("normalizer");
    if (pipeline.nfc()) {
      json.beginObject().name("type").value("NFC").endObject();
    } else {
      json.nullValue();
    }
    preTokenizer();
    json.name("post_processor");
    byteLevel(false, true);
    json.name("decoder");
    byteLevel(false, true);
    model();
    json.endObject();
    json.flush();
  }

  private void addedTokens() throws IOException {
    json.name("added_tokens").beginArray();
    for (AddedToken token : pipeline.addedTokens()) {
      json.beginObject();
      json.name("id").value(token.id());
      json.name("content").value(token.content());
      json.name("single_word").value(token.singleWord());
      json.name("lstrip").value(token.lstrip());
      json.name("rstrip").value(token.rstrip());
      json.name("normalized").value(token.normalized());
      json.name("special").value(token.special());
      json.endObject();
    }
    json.endArray();
  }

  private void preTokenizer() throws IOException {
    PreTokenizer.Settings settings = pipeline.preTokenizer();
    json.name("pre_tokenizer");
    if (settings.patterns().isEmpty()) {
      byteLevel(settings.prefixSpace(), settings.gpt2());
      return;
    }
    json.beginObject();
    json.name("type").value("Sequence");
    json.name("pretokenizers").beginArray();
    for (String pattern : settings.patterns()) {
      json.beginObject();
      json.name("type").value("Split");
      json.name("pattern").beginObject().name("Regex").value(pattern).endObject();
      json.name("behavior").value("Isolated");
      json.name("invert").value(false);
      json.endObject();
    }
    byteLevel(settings.prefixSpace(), settings.gpt2());
    json.endArray();
    json.endObject();
  }

  private void byteLevel(boolean prefixSpace, boolean regex) throws IOException {
    json.beginObject();
    json.name("type").value("ByteLevel");
    json.name("add_prefix_space").value(prefixSpace);
    json.name("trim_offsets").value(true);
    json.name("use_regex").value(regex);
    json.endObject();
  }

  private void model() throws IOException {
    BpeModel model = pipeline.model();
    Vocabulary vocabulary = model.vocabulary();
    json.name("model").beginObject();
    json.name("type").value("BPE");
    json.name("dropout").nullValue();
    json.name("unk_token").nullValue();
    json.name("continuing_subword_prefix").nullValue();
    json.name("end_of_word_suffix").nullValue();
    json.name("fuse_unk").value(false);
    json.name("byte_fallback").value(false);
    json.name("ignore_merges").value(model.ignoreMerges());
    json.name("vocab").beginObject();
    for (int id = 0; id < vocabulary.size(); id++) {
      json.name(vocabulary.tokenOf(id)).value(id);
    }
    json.endObject();
    json.name("merges").beginArray();
    for (long pair : model.pairsByRank()) {
      json.beginArray();
      json.value(vocabulary.tokenOf((int) (pair >>> 32)));
      json.value(vocabulary.tokenOf((int) pair));
      json.endArray();
    }
    json.endArray();
    json.endObject();
  }
}
