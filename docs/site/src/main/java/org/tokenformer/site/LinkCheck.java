package org.tokenformer.site;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Checks that the links of pages lead to files of a folder and to anchors of those pages. */
final class LinkCheck {
  private static final Pattern EXTERNAL = Pattern.compile("([a-zA-Z][a-zA-Z0-9+.-]*:|//).*");
  private static final Pattern SCRIPT = Pattern.compile("(?s)(<script[^>]*>).*?</script>");
  private static final Pattern TAG = Pattern.compile("<[a-zA-Z](?:[^>\"]++|\"[^\"]*+\")*+>");
  private static final Pattern ATTRIBUTE = Pattern.compile("\\s(href|src|id)=\"([^\"]*)\"");

  private final Path root;
  private final Map<String, Set<String>> anchors = new TreeMap<>();
  private final Map<String, Set<String>> links = new TreeMap<>();

  LinkCheck(Path root) {
    this.root = root;
  }

  /** Adds the page whose path in the folder is given, with slashes. */
  void add(String page, String html) {
    anchors.put(page, attributes(html, "id").collect(Collectors.toSet()));
    links.put(page, links(html).collect(Collectors.toCollection(TreeSet::new)));
  }

  int pages() {
    return links.size();
  }

  /** Returns the links of all pages to other sites, sorted. */
  Set<String> external() {
    return links.values().stream()
        .flatMap(Set::stream)
        .filter(LinkCheck::isExternal)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** Returns a line for each broken link, sorted by page. */
  List<String> problems() {
    List<String> problems = new ArrayList<>();
    links.forEach((page, targets) ->
        targets.stream()
            .filter(link -> !isExternal(link) && !problem(page, link).isEmpty())
            .map(link -> page + ": " + link + " → " + problem(page, link))
            .forEach(problems::add));
    return problems;
  }

  private String problem(String page, String link) {
    String target = resolve(page, link);
    String anchor = link.contains("#") ? decode(link.substring(link.indexOf('#') + 1)) : "";
    if (target.startsWith("..") || !Files.exists(root.resolve(target))) {
      return "there is no file " + target;
    }
    boolean exists = anchors.getOrDefault(target, Set.of(anchor)).contains(anchor);
    return exists || anchor.isEmpty() ? "" : target + " has no anchor " + anchor;
  }

  static boolean isExternal(String link) {
    return EXTERNAL.matcher(link).matches();
  }

  /** Returns the path in the folder that a link of a page leads to. */
  static String resolve(String page, String link) {
    String path = decode(link.replaceFirst("#.*", ""));
    Path source = Path.of(page);
    return Page.slashes((path.isEmpty() ? source : source.resolveSibling(path)).normalize());
  }

  static Stream<String> links(String html) {
    return attributes(html, "href|src");
  }

  private static Stream<String> attributes(String html, String names) {
    return TAG.matcher(SCRIPT.matcher(html).replaceAll("$1"))
        .results()
        .flatMap(tag -> ATTRIBUTE.matcher(tag.group()).results())
        .filter(attribute -> attribute.group(1).matches(names))
        .map(attribute -> unescape(attribute.group(2)));
  }

  private static String decode(String text) {
    return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
  }

  static String unescape(String html) {
    String text = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    return text.replace("&amp;", "&");
  }
}
