package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tokenformer.cli.CommandLineHarness.Result;
import org.tokenformer.engine.LanguageModel;
import org.tokenformer.engine.grow.ValueNorms;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.training.ThetaProbe;
import org.tokenformer.tokenizer.Tokenizer;

/** The page that a model of 2 layers writes, read as a file and in a browser. */
final class ExplainCommandTest {
  private static final String PROMPT = "</script><b>\u202e {{data}} 'a' & \"\u0001é🙂\nking";
  private static final Pattern TOKEN =
      Pattern.compile("<span class=\"t[ \"][^>]*>(.*?)</span>", Pattern.DOTALL);
  private static final Pattern TAG = Pattern.compile("<i>[·↵]</i>");

  @TempDir static Path folder;
  private static Path model;

  @BeforeAll
  static void importModel() {
    model = CommandLineFixtures.model(folder);
  }

  private static String[] arguments(Path page, String... more) {
    return arguments(model, page, more);
  }

  private static String[] arguments(Path model, Path page, String... more) {
    return Stream.concat(
            Stream.of(
                "explain", PROMPT, "-m", model.toString(), "-o", page.toString(), "--seed", "7"),
            Stream.of(more))
        .toArray(String[]::new);
  }

  private static String page(String name, String... more) throws IOException {
    return page(model, name, more);
  }

  private static String page(Path model, String name, String... more) throws IOException {
    Path page = folder.resolve(name);
    Result result = CommandLineHarness.run(arguments(model, page, more));
    assertEquals(0, result.code(), result.err());
    assertEquals("", result.out());
    assertTrue(
        result.errorLines().getLast().matches(Pattern.quote(page.toString()) + ": \\d+ tokens, .*"),
        result.err());
    return Files.readString(page);
  }

  /** The tokens' texts as they stand in the markup. */
  private static List<String> tokens(String html) {
    return TOKEN.matcher(html).results().map(match -> match.group(1)).toList();
  }

  private static String unescaped(String html) {
    String text = TAG.matcher(html).replaceAll("");
    for (Map.Entry<String, String> entity :
        List.of(
            Map.entry("&lt;", "<"),
            Map.entry("&gt;", ">"),
            Map.entry("&quot;", "\""),
            Map.entry("&#39;", "'"),
            Map.entry("&amp;", "&"))) {
      text = text.replace(entity.getKey(), entity.getValue());
    }
    return text.chars() // the pictures of control characters
        .map(c -> c >= 0x2400 && c < 0x2420 ? c - 0x2400 : c)
        .collect(StringBuilder::new, (all, c) -> all.append((char) c), StringBuilder::append)
        .toString();
  }

  @Test
  void holdsTheTextOfGenerate() throws IOException {
    String html = page("text.html", "--max-tokens", "20");
    List<String> tokens = tokens(html);
    int given = Tokenizer.load(model.resolve("tokenizer.json")).encode(PROMPT).length;
    assertEquals(given + 20, tokens.size());
    assertEquals(given, html.split("class=\"t prompt\"", -1).length - 1);
    Result generated =
        CommandLineHarness.run(
            "generate", PROMPT, "-m", model.toString(), "--seed", "7", "--max-tokens", "20");
    String text = unescaped(String.join("", tokens));
    assertTrue(text.startsWith(PROMPT), text);
    assertEquals(generated.out().stripTrailing(), text.stripTrailing());
    assertEquals(html, page("again.html", "--max-tokens", "20", "--threads", "1"));
  }

  @Test
  void markupOfTheTextIsText() throws IOException {
    String html = page("markup.html", "--max-tokens", "3");
    assertEquals(2, html.split("<script", -1).length - 1);
    assertEquals(2, html.split("</script>", -1).length - 1);
    assertFalse(html.contains("<b>"), "the prompt's markup is markup");
    assertEquals(2 + 1, html.split("Inside “", -1).length); // the title of window and page
    assertTrue(html.contains("<h1>Inside “&lt;/script&gt;&lt;b&gt;"), html.substring(0, 9000));
    assertFalse(html.codePoints().anyMatch(c -> c < ' ' && c != '\n'), "a control character");
    assertFalse(html.contains("http://") || html.contains("https://"), "a page for the network");
  }

  @Test
  void endsAtAStopAndWhereTheContextEnds() throws IOException {
    List<String> all = tokens(page("all.html", "--max-tokens", "1000"));
    assertEquals(128, all.size());
    String later = unescaped(all.get(80)).strip();
    assertFalse(later.isEmpty());
    int stopped = tokens(page("stopped.html", "--stop", later)).size();
    assertTrue(stopped <= 81, stopped + " tokens before '" + later + "'");
  }

  @Test
  void tellsWhatGrowthAdded() throws IOException {
    assertFalse(page("whole.html", "--max-tokens", "2").contains("--grown:"));
    Path grown = CommandLineFixtures.copy(model, folder.resolve("grown"));
    Path config = grown.resolve("config.json");
    String history =
        "{\"history\": [{\"num_layers\": 2, \"qkv_slot_num\": 32, \"proj_slot_num\": 40,"
            + " \"ffn_slot_num\": 90}],";
    Files.writeString(config, Files.readString(config).replaceFirst("\\{", history));
    String html = page(grown, "grown.html", "--max-tokens", "2");
    assertTrue(html.contains("452 parameter tokens in the original model<"), "the old ones");
    assertTrue(html.contains("108 parameter tokens added in growth stage 1<"), "the new ones");
    String[] strips = html.split("<svg ", -1);
    assertEquals(1 + 2 * 5, strips.length);
    assertEquals(48, strips[1].split("<rect", -1).length - 1);
    assertEquals(16, strips[1].split("class=\"s1\"", -1).length - 1 - chips(strips[1]));
    assertEquals(0, strips[4].split("class=\"s1\"", -1).length - 1);
    int tokens = tokens(html).size();
    assertEquals(tokens, html.split("style=\"--grown:0\\.\\d\\d\"", -1).length - 1);
  }

  /** Parameter tokens of the second stage beside a strip. */
  private static int chips(String strip) {
    return strip.split("<span class=\"s1\"", -1).length - 1;
  }

  @Test
  void refusesWhatItCannotDo() throws IOException {
    Path there = Files.writeString(folder.resolve("there.html"), "mine");
    CommandLineFixtures.assertRefused(List.of("already exists", "--force"), arguments(there));
    assertEquals("mine", Files.readString(there));
    page("there.html", "--force", "--max-tokens", "1");
    Path page = folder.resolve("refused.html");
    CommandLineFixtures.assertRefused(
        List.of("--temperature", "-1"), arguments(page, "--temperature=-1"));
    CommandLineFixtures.assertRefused(
        List.of("empty"), "explain", "", "-m", model.toString(), "-o", page.toString());
    CommandLineFixtures.assertRefused(
        List.of("no/such"), "explain", "A", "-m", model.toString(), "-o", folder + "/no/such");
    assertFalse(Files.exists(page));
  }

  @Test
  void takesANameThatIsFree(@TempDir Path empty) throws IOException {
    assertEquals(empty.resolve("explain.html"), ExplainCommand.unusedName(empty));
    Files.createFile(empty.resolve("explain.html"));
    assertEquals(empty.resolve("explain-2.html"), ExplainCommand.unusedName(empty));
    Files.createFile(empty.resolve("explain-2.html"));
    assertEquals(empty.resolve("explain-3.html"), ExplainCommand.unusedName(empty));
  }

  @Test
  void aBrowserShowsWhatFired() throws Exception {
    String html = page("browser.html", "--max-tokens", "20");
    int count = tokens(html).size();
    int token = 5;
    String dom = inBrowser(folder.resolve("browser.html"), "#" + token);
    List<MatchResult> roles =
        Pattern.compile("<span class=\"t[^>]*role=\"option\"[^>]*>")
            .matcher(dom)
            .results()
            .toList();
    assertEquals(count, roles.size());
    for (int i = 0; i < count; i++) {
      assertEquals(i == token, roles.get(i).group().contains("chosen"), roles.get(i).group());
    }
    assertTrue(dom.contains("is token 5 of the text"), dom);
    List<Fired> strongest =
        Pattern.compile("class=\"chips\"><span[^>]*>(\\d+)<i class=\"\">([−0-9.]+)</i>")
            .matcher(dom)
            .results()
            .map(match ->
                new Fired(
                    Integer.parseInt(match.group(1)),
                    Double.parseDouble(match.group(2).replace('−', '-'))))
            .toList();
    List<Fired> expected = expected(html, token);
    assertEquals(10, strongest.size());
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i).index, strongest.get(i).index, "Pattention " + i);
      assertEquals(expected.get(i).theta, strongest.get(i).theta, 0.02, "Pattention " + i);
    }
  }

  /** A parameter token and its θ. */
  private record Fired(int index, double theta) {}

  /** The strongest parameter token of each Pattention, as the engine tells it. */
  private static List<Fired> expected(String html, int token) throws IOException {
    String ids = html.substring(html.indexOf("{\"ids\":[") + 8, html.indexOf("],\"permille\""));
    int[] text = Pattern.compile(",").splitAsStream(ids).mapToInt(Integer::parseInt).toArray();
    List<Fired> strongest = new ArrayList<>();
    try (LanguageModel loaded = LanguageModel.load(model);
        ThetaProbe probe = new ThetaProbe(loaded.model(), 1, text.length)) {
      ValueNorms norms = ValueNorms.of(loaded.model());
      probe.run(
          text,
          (layer, which, thetas, n) -> {
            float[] norm = norms.of(TensorNames.pattention(layer, which));
            int best = 0;
            for (int i = 0; i < n; i++) {
              float strength = Math.abs(thetas[token * n + i]) * norm[i];
              best = strength > Math.abs(thetas[token * n + best]) * norm[best] ? i : best;
            }
            strongest.add(new Fired(best, thetas[token * n + best]));
          },
          null);
    }
    return strongest;
  }

  /** The page as it is after its scripts ran, without an error. */
  private static String inBrowser(Path page, String fragment) throws Exception {
    Path errors = folder.resolve("browser.err");
    Path dom = folder.resolve("browser.dom");
    Process process =
        new ProcessBuilder(
                browser(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--user-data-dir=" + folder.resolve("browser"),
                "--enable-logging=stderr",
                "--virtual-time-budget=3000",
                "--dump-dom",
                page.toUri() + fragment)
            .redirectError(errors.toFile())
            .redirectOutput(dom.toFile())
            .start();
    if (!process.waitFor(2, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError("the browser does not end: " + Files.readString(errors));
    }
    String log = Files.readString(errors);
    assertFalse(log.contains("CONSOLE"), log); // errors of scripts, and what the policy refuses
    return Files.readString(dom);
  }

  private static String browser() {
    for (String folder : Objects.requireNonNullElse(System.getenv("PATH"), "").split(":", -1)) {
      for (String name : List.of("chromium", "chromium-browser", "google-chrome")) {
        if (Files.isExecutable(Path.of(folder, name))) {
          return Path.of(folder, name).toString();
        }
      }
    }
    System.err.println("SKIPPED: this test needs chromium or google-chrome on the PATH");
    return Assumptions.abort("needs a browser");
  }
}
