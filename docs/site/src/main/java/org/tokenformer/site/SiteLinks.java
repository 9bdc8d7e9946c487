package org.tokenformer.site;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Turns links between files of the repository into links of the site. */
final class SiteLinks {
  private static final Pattern LINK =
      Pattern.compile("(<(?:a|img)\\b[^>]*?) (href|src)=\"([^\"]*)\"");
  private static final Pattern JAVA = Pattern.compile("(\\w+)/src/main/java/(.+?)(\\.java)?");

  private final Path repository;
  private final Path site;
  private final String sources;
  private final Map<String, Page> pages;
  private final Set<String> copied = new TreeSet<>();

  SiteLinks(Path repository, Path site, String sources, Collection<Page> pages) {
    this.repository = repository;
    this.site = site;
    this.sources = sources;
    this.pages = pages.stream().collect(Collectors.toMap(Page::source, Function.identity()));
  }

  /** Returns the files that the rewritten pages show or link to, to be copied into the site. */
  Set<String> copied() {
    return copied;
  }

  /** Returns the page's HTML; links to what the site lacks have no address and look like text. */
  String rewrite(Page page) {
    return LINK.matcher(page.html())
        .replaceAll(match -> {
          String address = address(page, match.group(2), LinkCheck.unescape(match.group(3)));
          String attribute = " " + match.group(2) + "=\"" + address.replace("&", "&amp;") + '"';
          return Matcher.quoteReplacement(match.group(1) + (address.isEmpty() ? "" : attribute));
        });
  }

  private String address(Page page, String attribute, String link) {
    if (LinkCheck.isExternal(link) || link.startsWith("#")) {
      return link;
    }
    String file = LinkCheck.resolve(page.source(), link);
    String anchor = link.replaceFirst("[^#]*", "");
    if (pages.containsKey(file)) {
      return page.root() + pages.get(file).target() + anchor;
    }
    boolean inDocs = file.startsWith("docs/") && Files.isRegularFile(repository.resolve(file));
    if (attribute.equals("src") || (inDocs && !file.startsWith("docs/site/"))) {
      copied.add(file);
      return page.root() + file;
    }
    String source = sources.isEmpty() ? "" : sources + "/" + file + anchor;
    return apiPage(file).map(target -> page.root() + target).orElse(source);
  }

  /** Returns the path in the site of the Javadoc of a class or package, if it has any. */
  private Optional<String> apiPage(String file) {
    Matcher java = JAVA.matcher(file);
    if (!java.matches()) {
      return Optional.empty();
    }
    String type = "api/org.tokenformer." + java.group(1) + "/" + java.group(2);
    return Stream.of(type + ".html", type + "/package-summary.html")
        .filter(target -> Files.exists(site.resolve(target)))
        .findFirst();
  }
}
