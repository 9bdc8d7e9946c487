package org.tokenformer.site;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/** Adds the pages to a folder {@code target/site} that has the API pages, and checks all links. */
public final class SiteBuilder {
  private SiteBuilder() {}

  /**
   * Builds the site of a repository.
   *
   * @param arguments the folder of the repository; the address of its source files if they have one
   */
  public static void main(String[] arguments) throws IOException {
    Path repository = Path.of(arguments[0]).toRealPath();
    Path site = repository.resolve("target/site");
    LinkCheck check = build(repository, site, arguments.length > 1 ? arguments[1] : "");
    check.problems().forEach(System.err::println);
    if (!check.problems().isEmpty()) {
      System.exit(1);
    }
    Path list = site.resolveSibling("site-external-links.txt");
    Files.write(list, check.external());
    System.out.printf(
        "%s: %d pages; %d external links, not checked, are listed in %s%n",
        site.resolve("index.html"), check.pages(), check.external().size(), list.getFileName());
  }

  /** Returns the check of the Markdown if it has broken links, otherwise that of the site. */
  static LinkCheck build(Path repository, Path site, String sources) throws IOException {
    Collection<Page> pages = readPages(repository);
    LinkCheck check = new LinkCheck(repository);
    pages.forEach(page -> check.add(page.source(), page.html()));
    if (!check.problems().isEmpty()) {
      return check;
    }
    SiteLinks links = new SiteLinks(repository, site, sources, pages);
    Template template = new Template(resource("page.html"), List.copyOf(pages));
    for (Page page : pages) {
      Files.createDirectories(site.resolve(page.target()).getParent());
      Files.writeString(site.resolve(page.target()), template.render(page, links.rewrite(page)));
    }
    Files.writeString(site.resolve("style.css"), resource("style.css"));
    for (String file : links.copied()) {
      Files.createDirectories(site.resolve(file).getParent());
      Files.copy(repository.resolve(file), site.resolve(file));
    }
    LinkCheck siteCheck = new LinkCheck(site);
    for (String file : files(site, ".html")) {
      siteCheck.add(file, Files.readString(site.resolve(file)));
    }
    return siteCheck;
  }

  /** Reads the README, the pages it links to and so on, then docs and the project's pages. */
  private static Collection<Page> readPages(Path repository) throws IOException {
    Map<String, Page> pages = new LinkedHashMap<>();
    Deque<String> queue = new ArrayDeque<>(List.of("README.md"));
    Deque<String> rest = new ArrayDeque<>();
    files(repository.resolve("docs"), ".md").forEach(file -> rest.add("docs/" + file));
    rest.addAll(List.of("CONTRIBUTING.md", "CHANGELOG.md"));
    while (!queue.isEmpty()) {
      String source = queue.remove();
      Path file = repository.resolve(source);
      if (!pages.containsKey(source) && Files.isRegularFile(file)) {
        Page page = Page.parse(source, Files.readString(file));
        pages.put(source, page);
        queue.addAll(page.linkedPages());
      }
      if (queue.isEmpty() && !rest.isEmpty()) {
        queue.add(rest.remove());
      }
    }
    return pages.values();
  }

  /** Returns the paths in a folder, with slashes and sorted, of the files with an extension. */
  private static List<String> files(Path folder, String extension) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .map(file -> Page.slashes(folder.relativize(file)))
          .filter(file -> file.endsWith(extension))
          .sorted()
          .toList();
    }
  }

  private static String resource(String name) throws IOException {
    try (InputStream stream = SiteBuilder.class.getResourceAsStream(name)) {
      byte[] bytes = Objects.requireNonNull(stream, name).readAllBytes();
      return new String(bytes, StandardCharsets.UTF_8);
    }
  }
}
