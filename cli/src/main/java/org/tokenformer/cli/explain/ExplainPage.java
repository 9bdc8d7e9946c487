package org.tokenformer.cli.explain;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.PerPattention;

/**
 * A self-contained HTML page: the text, and a map of the parameter tokens that fired while the
 * model processed it. It is readable without scripts; with scripts, the map follows the selected
 * token.
 */
public final class ExplainPage {
  private static final Pattern PLACEHOLDER = Pattern.compile("\\{\\{(\\w+)}}");
  private static final PerPattention<String> NAMES =
      new PerPattention<>("query", "key", "value", "projection", "feed-forward");
  private static final int TITLE_LENGTH = 48;
  private static final int COLOURS = 4; // later stages use the last one

  private final List<ExplainedToken> tokens;
  private final Firings firings;
  private final String facts;

  /**
   * Creates a page.
   *
   * @param tokens the tokens that the model processed
   * @param facts one line about the model
   */
  public ExplainPage(List<ExplainedToken> tokens, Firings firings, String facts) {
    if (tokens.size() != firings.tokens()) {
      throw new IllegalArgumentException(
          "tokens must be the %d of firings, not %d".formatted(firings.tokens(), tokens.size()));
    }
    this.tokens = tokens;
    this.firings = firings;
    this.facts = facts;
  }

  /** Returns the whole page. */
  public String html() {
    // A single pass, so that placeholders in the text are not replaced.
    return PLACEHOLDER
        .matcher(resource("page.html"))
        .replaceAll(match -> Matcher.quoteReplacement(content(match.group(1))));
  }

  private String content(String placeholder) {
    return switch (placeholder) {
      case "style" -> resource("page.css");
      case "script" -> resource("page.js");
      case "title" -> escaped(title());
      case "facts" -> escaped(facts);
      case "legend" -> legend();
      case "grown" ->
          isGrown() ? "<span class=\"grown\">fraction contributed by grown tokens</span>" : "";
      case "map" -> map();
      case "data" -> data();
      case "text" -> text();
      default -> throw new IllegalStateException("unknown placeholder '" + placeholder + "'");
    };
  }

  private static String resource(String name) {
    try (InputStream in = ExplainPage.class.getResourceAsStream(name)) {
      return new String(Objects.requireNonNull(in, name).readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the first words of the text. */
  private String title() {
    StringBuilder text = new StringBuilder();
    for (ExplainedToken token : tokens) {
      text.append(token.text());
    }
    String line = text.toString().strip().replaceAll("\\s+", " ");
    if (line.codePointCount(0, line.length()) <= TITLE_LENGTH) {
      return line;
    }
    int end = line.offsetByCodePoints(0, TITLE_LENGTH);
    int word = line.lastIndexOf(' ', end);
    return line.substring(0, word > 0 ? word : end) + "…";
  }

  private String text() {
    StringBuilder html = new StringBuilder();
    boolean grown = isGrown();
    for (int i = 0; i < tokens.size(); i++) {
      ExplainedToken token = tokens.get(i);
      html.append("<span class=\"t").append(token.prompt() ? " prompt\"" : "\"");
      if (grown) {
        html.append(" style=\"--grown:")
            .append(Amount.decimal(firings.grownFraction(i), 2))
            .append('"');
      }
      html.append('>');
      html.append(token.text().isEmpty() ? "<i>·</i>" : escaped(token.text()));
      html.append("</span>");
    }
    return html.toString().replace("\n", "<i>↵</i>\n");
  }

  private boolean isGrown() {
    return firings.perStage().length > 1;
  }

  private String legend() {
    long[] counts = firings.perStage();
    StringBuilder html = new StringBuilder();
    for (int stage = 0; stage < counts.length; stage++) {
      String origin =
          counts.length == 1
              ? ""
              : stage == 0 ? " in the original model" : " added in growth stage " + stage;
      html.append(
          "<li><b class=\"%s\"></b>%d parameter tokens%s</li>"
              .formatted(colour(stage), counts[stage], origin));
    }
    return html.toString();
  }

  private static String colour(int stage) {
    return "s" + Math.min(stage, COLOURS - 1);
  }

  /** Returns one strip per Pattention, for the whole text. */
  private String map() {
    StringBuilder html = new StringBuilder();
    Iterator<FiringStrip> strips = firings.strips().iterator();
    for (int layer = 0; strips.hasNext(); layer++) {
      html.append("<h3>layer ").append(layer).append("</h3>\n");
      for (BlockPattention which : BlockPattention.values()) {
        FiringStrip strip = strips.next();
        html.append("<div class=\"p\" data-layer=\"")
            .append(layer)
            .append("\"><span>")
            .append(NAMES.get(which))
            .append("</span>");
        appendStrip(html, strip);
        appendStrongest(html, strip);
        html.append("</div>\n");
      }
    }
    return html.toString();
  }

  /** Appends the parameter tokens that fired most strongly, with their θ. */
  private static void appendStrongest(StringBuilder html, FiringStrip strip) {
    html.append("<span class=\"chips\">");
    for (int n = 0; n < Math.min(FiringStrip.STRONGEST, strip.count()); n++) {
      int index = strip.strongest(strip.wholeTextRow(), n);
      String theta = Amount.decimal(strip.theta(strip.wholeTextRow(), n), 2);
      html.append(
          "<span class=\"%s\">%d<i>%s</i></span>"
              .formatted(colour(strip.stageOf(index)), index, theta));
    }
    html.append("</span>");
  }

  private void appendStrip(StringBuilder html, FiringStrip strip) {
    int cells = strip.firsts().length;
    html.append("<svg viewBox=\"0 0 %d 1\" preserveAspectRatio=\"none\">".formatted(cells));
    for (int cell = 0; cell < cells; cell++) {
      int level = PageNumbers.level(strip, strip.wholeTextRow(), cell);
      html.append(
          "<rect x=\"%d\" class=\"%s\" opacity=\"%s\"/>"
              .formatted(
                  cell,
                  colour(strip.stageOf(strip.firsts()[cell])),
                  Amount.decimal((double) level / PageNumbers.MAX, 2)));
    }
    html.append("</svg>");
  }

  /** Returns JSON of numbers and digits only, which cannot end the script element. */
  private String data() {
    StringBuilder json = new StringBuilder("{\"ids\":[");
    for (int i = 0; i < tokens.size(); i++) {
      json.append(i == 0 ? "" : ",").append(tokens.get(i).id());
    }
    json.append("],\"permille\":[");
    for (int i = 0; i < tokens.size(); i++) {
      double probability = tokens.get(i).probability();
      json.append(i == 0 ? "" : ",");
      json.append(Double.isNaN(probability) ? "null" : Amount.decimal(1000 * probability, 1));
    }
    json.append("],\"strips\":[");
    for (int i = 0; i < firings.strips().size(); i++) {
      FiringStrip strip = firings.strips().get(i);
      json.append(i == 0 ? "" : ",\n");
      json.append("{\"count\":").append(strip.count()).append(",\"firsts\":[");
      int[] firsts = strip.firsts();
      for (int cell = 0; cell < firsts.length; cell++) {
        json.append(cell == 0 ? "" : ",").append(firsts[cell]);
      }
      json.append("],\"theta\":").append(strip.largestTheta());
      json.append(",\"strengths\":\"").append(PageNumbers.strengths(strip));
      json.append("\",\"strongest\":\"").append(PageNumbers.strongest(strip));
      json.append("\"}");
    }
    return json.append("]}").toString();
  }

  /** Escapes text for the page: no markup, and no invisible characters except spaces. */
  static String escaped(String text) {
    StringBuilder html = new StringBuilder();
    text.codePoints()
        .forEach(c -> {
          switch (c) {
            case '&' -> html.append("&amp;");
            case '<' -> html.append("&lt;");
            case '>' -> html.append("&gt;");
            case '"' -> html.append("&quot;");
            case '\'' -> html.append("&#39;");
            case '\n', '\t' -> html.append((char) c);
            default -> html.appendCodePoint(visible(c));
          }
        });
    return html.toString();
  }

  private static int visible(int c) {
    if (c < ' ') {
      return '\u2400' + c; // the symbol for the control character
    }
    return Character.isISOControl(c) || Character.getType(c) == Character.SURROGATE ? '\uFFFD' : c;
  }
}
