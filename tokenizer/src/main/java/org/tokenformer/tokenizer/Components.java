package org.tokenformer.tokenizer;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The components of a {@code tokenizer.json} other than the model and the added tokens. Rejects, by
 * name, every setting that is not supported; ignores nothing that could change an id.
 */
final class Components {
  private static final String BYTE_LEVEL = "ByteLevel";
  private static final String SEQUENCE = "Sequence";

  private final Fields file;
  private final Problems problems;
  private final List<String> patterns = new ArrayList<>();
  private boolean nfc;
  private PreTokenizer.@Nullable Settings preTokenizer;

  Components(Map<String, @Nullable Object> components, Problems problems) {
    this.file = new Fields(components, "", problems);
    this.problems = problems;
  }

  boolean nfc() {
    return nfc;
  }

  PreTokenizer.Settings preTokenizer() {
    if (preTokenizer == null) {
      throw new IllegalStateException("check() must be called first");
    }
    return preTokenizer;
  }

  void check() throws TokenizerException {
    if (file.get("version") != null && !"1.0".equals(file.get("version"))) {
      throw unsupported("version", Fields.show(file.get("version")), "\"1.0\"");
    }
    for (String name : new String[] {"truncation", "padding"}) {
      if (file.get(name) != null) {
        throw unsupported(name, Fields.show(file.get(name)), "null");
      }
    }
    Fields normalizer = file.object("normalizer");
    if (normalizer != null) {
      normalizer(normalizer);
    }
    Fields pre = file.object("pre_tokenizer");
    if (pre == null) {
      throw unsupported("pre_tokenizer", "null", BYTE_LEVEL);
    }
    preTokenizer(pre);
    if (preTokenizer == null) {
      throw problems.of("pre_tokenizer has no ByteLevel; only byte-level BPE is supported");
    }
    Fields post = file.object("post_processor");
    if (post != null) {
      postProcessor(post);
    }
    Fields decoder = file.object("decoder");
    if (decoder == null || !decoder.string("type").equals(BYTE_LEVEL)) {
      throw unsupported("decoder", decoder == null ? "null" : decoder.string("type"), BYTE_LEVEL);
    }
  }

  private void normalizer(Fields normalizer) throws TokenizerException {
    switch (normalizer.string("type")) {
      case "NFC" -> nfc = true;
      case SEQUENCE -> {
        for (Fields part : parts(normalizer, "normalizers")) {
          normalizer(part);
        }
      }
      default -> throw unsupported(normalizer, "NFC, null or a Sequence of NFC");
    }
  }

  private void preTokenizer(Fields part) throws TokenizerException {
    if (preTokenizer != null) {
      throw problems.of(part.where() + " follows ByteLevel, which must be the last pre-tokenizer");
    }
    switch (part.string("type")) {
      case BYTE_LEVEL ->
          preTokenizer =
              new PreTokenizer.Settings(
                  patterns, part.bool("add_prefix_space"), part.bool("use_regex", true));
      case SEQUENCE -> {
        for (Fields inner : parts(part, "pretokenizers")) {
          preTokenizer(inner);
        }
      }
      case "Split" -> patterns.add(pattern(part));
      default -> throw unsupported(part, "ByteLevel, or a Sequence of Split and ByteLevel");
    }
  }

  private String pattern(Fields split) throws TokenizerException {
    // The field "invert" is ignored: with Isolated, an inverted pattern gives the same parts.
    if (!split.string("behavior").equals("Isolated")) {
      throw unsupported(
          split.where() + ".behavior", Problems.quote(split.string("behavior")), "\"Isolated\"");
    }
    Fields pattern = split.object("pattern");
    if (pattern == null || !(pattern.get("Regex") instanceof String regex)) {
      throw problems.of(split.where() + ".pattern is not supported; it must be {\"Regex\": …}");
    }
    String problem = PatternSyntax.problem(regex);
    if (problem != null) {
      throw problems.of(split.where() + ".pattern " + Problems.quote(regex) + ": " + problem);
    }
    return regex;
  }

  private void postProcessor(Fields post) throws TokenizerException {
    switch (post.string("type")) {
      case BYTE_LEVEL -> {} // trims offsets, never changes ids
      case SEQUENCE -> {
        for (Fields part : parts(post, "processors")) {
          postProcessor(part);
        }
      }
      case "TemplateProcessing" -> template(post);
      default ->
          throw unsupported(post, "null, ByteLevel or a TemplateProcessing that adds nothing");
    }
  }

  private void template(Fields post) throws TokenizerException {
    List<Fields> single = parts(post, "single");
    for (Fields piece : single) {
      if (piece.object("Sequence") == null) {
        throw problems.of(
            post.where()
                + ".single adds a special token to each text, which is not supported;"
                + " set post_processor to null and add the token yourself");
      }
    }
    if (single.size() != 1) {
      throw problems.of(post.where() + ".single must contain the text exactly once");
    }
  }

  private List<Fields> parts(Fields sequence, String name) throws TokenizerException {
    if (!(sequence.get(name) instanceof List<?> list)) {
      throw problems.of(sequence.where() + "." + name + " must be a list");
    }
    List<Fields> parts = new ArrayList<>();
    for (int i = 0; i < list.size(); i++) {
      parts.add(Fields.of(list.get(i), sequence.where() + "." + name + "[" + i + "]", problems));
    }
    return parts;
  }

  private TokenizerException unsupported(Fields part, String instead) throws TokenizerException {
    return unsupported(part.where() + ".type", Problems.quote(part.string("type")), instead);
  }

  private TokenizerException unsupported(String field, String value, String instead) {
    return problems.of(field + " " + value + " is not supported; only " + instead + " is");
  }
}
