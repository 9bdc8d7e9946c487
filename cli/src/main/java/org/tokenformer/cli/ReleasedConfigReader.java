package org.tokenformer.cli;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.events.CollectionEndEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.events.NodeEvent;
import org.snakeyaml.engine.v2.events.ScalarEvent;
import org.snakeyaml.engine.v2.exceptions.DuplicateKeyException;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.ReaderException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.parser.Parser;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.resolver.CoreScalarResolver;
import org.snakeyaml.engine.v2.resolver.ScalarResolver;
import org.snakeyaml.engine.v2.scanner.StreamReader;
import org.snakeyaml.engine.v2.schema.CoreSchema;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.tokenizer.TextFiles;
import org.tokenformer.tokenizer.TextLines;
import org.tokenformer.tokenizer.TextRules;

/**
 * Reads the configuration of a released checkpoint: one YAML mapping, in practice JSON with
 * comments, trailing commas and Python's {@code True}, {@code False} and {@code None}. It does not
 * interpret the settings; values are {@link String}, {@link Boolean}, {@link Integer}, {@link
 * Long}, {@link java.math.BigInteger}, {@link Double}, {@link java.util.List}, {@link Map} or null.
 *
 * <p>The file is untrusted: tags, anchors, duplicate keys, deep nesting and more than a megabyte
 * are rejected.
 */
final class ReleasedConfigReader {
  private static final int MAX_BYTES = 1 << 20;
  private static final int MAX_DEPTH = 32;

  private static final TextFiles YAML =
      new TextFiles(TextRules.ANY_SYNTAX, null, (name, changes) -> {});

  private final String file;
  private final LoadSettings settings;

  private ReleasedConfigReader(String file) {
    this.file = file;
    this.settings =
        LoadSettings.builder()
            .setLabel(file)
            .setSchema(new PythonSchema())
            .setAllowDuplicateKeys(false)
            .setAllowNonScalarKeys(false)
            .setCodePointLimit(MAX_BYTES)
            .build();
  }

  /**
   * Returns the settings in file order.
   *
   * @throws UserError with the file, the line and the problem
   */
  static Map<String, @Nullable Object> read(Path file) throws IOException {
    try (TextLines lines = YAML.open(file)) {
      String yaml = lines.readAll(MAX_BYTES);
      return new ReleasedConfigReader(file.toString()).parse(yaml);
    }
  }

  private Map<String, @Nullable Object> parse(String yaml) {
    try {
      Parser events = new ParserImpl(settings, new StreamReader(settings, yaml));
      for (int depth = 0; events.hasNext(); ) {
        Event event = events.next();
        depth += nesting(event);
        refuseUnusual(event, depth);
      }
      return settings(new Load(settings).loadFromString(yaml));
    } catch (DuplicateKeyException e) {
      throw error(e.getProblemMark(), "a key is given twice", e);
    } catch (MarkedYamlEngineException e) {
      throw error(e.getProblemMark(), "unexpected syntax", e);
    } catch (ReaderException e) {
      throw error(
          Optional.empty(),
          "the character U+%04X at offset %d is not allowed"
              .formatted(e.getCodePoint(), e.getPosition()),
          e);
    } catch (YamlEngineException | NumberFormatException e) { // of an escape that the file ends in
      throw error(Optional.empty(), "unexpected syntax", e);
    }
  }

  private static int nesting(Event event) {
    return switch (event) {
      case CollectionStartEvent _ -> 1;
      case CollectionEndEvent _ -> -1;
      default -> 0;
    };
  }

  private void refuseUnusual(Event event, int depth) {
    if (depth > MAX_DEPTH) {
      throw error(event.getStartMark(), "nested deeper than " + MAX_DEPTH + " levels", null);
    }
    if (event instanceof NodeEvent node && node.getAnchor().isPresent()) {
      throw error(event.getStartMark(), "anchors and aliases are not accepted", null);
    }
    Optional<String> tag =
        switch (event) {
          case ScalarEvent scalar -> scalar.getTag();
          case CollectionStartEvent collection -> collection.getTag();
          default -> Optional.empty();
        };
    if (tag.isPresent()) {
      throw error(event.getStartMark(), "the tag " + quote(tag.get()) + " is not accepted", null);
    }
  }

  private Map<String, @Nullable Object> settings(@Nullable Object root) {
    if (!(root instanceof Map<?, ?> map)) {
      throw error(Optional.empty(), "expected a mapping of settings", null);
    }
    var settings = new LinkedHashMap<String, @Nullable Object>();
    for (Map.Entry<?, ?> entry : map.entrySet()) {
      if (!(entry.getKey() instanceof String key)) {
        String quoted = quote(String.valueOf(entry.getKey()));
        throw error(Optional.empty(), "the key " + quoted + " is not a name", null);
      }
      settings.put(key, entry.getValue());
    }
    return Collections.unmodifiableMap(settings);
  }

  private UserError error(Optional<Mark> at, String problem, @Nullable Throwable cause) {
    String where =
        at.map(m -> ": line " + (m.getLine() + 1) + ", column " + (m.getColumn() + 1)).orElse("");
    return new UserError(file + where + ": not a released config in YAML: " + problem, cause);
  }

  /** YAML 1.2's core schema plus Python's None; the core schema already has True and False. */
  private static final class PythonSchema extends CoreSchema {
    @Override
    public ScalarResolver getScalarResolver() {
      var resolver = new CoreScalarResolver(false);
      resolver.addImplicitResolver(Tag.NULL, Pattern.compile("None"), "N");
      return resolver;
    }
  }
}
