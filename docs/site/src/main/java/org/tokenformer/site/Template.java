package org.tokenformer.site;

import java.util.List;
import java.util.function.Predicate;

/** The frame of every page: {@code page.html} with the page's title, navigation and content. */
final class Template {
  private static final Predicate<Page> GUIDE =
      page -> page.source().matches("README.md|docs/[^/]+");
  private static final Predicate<Page> PROJECT = page -> page.source().matches("[^/]+");

  private final String html;
  private final List<Page> pages;
  private final Page first;

  Template(String html, List<Page> pages) {
    this.html = html;
    this.pages = pages;
    this.first = pages.getFirst();
  }

  String render(Page page, String content) {
    String site = first.title();
    return html.replace("{{title}}", page.equals(first) ? site : page.title() + " · " + site)
        .replace("{{site}}", site)
        .replace("{{navigation}}", navigation(page))
        .replace("{{root}}", page.root())
        .replace("{{content}}", decorate(content)); // last, as it may quote the other names
  }

  /** Adds a link to each heading and a frame to each table in which a wide one can scroll. */
  private static String decorate(String content) {
    return content
        .replaceAll(
            "(?s)(<h[1-6] id=\"([^\"]*)\">.*?)(</h[1-6]>)",
            "$1 <a class=\"anchor\" href=\"#$2\" aria-label=\"Link to this section\">#</a>$3")
        .replace("<table>", "<div class=\"table\">\n<table>")
        .replace("</table>", "</table>\n</div>");
  }

  private String navigation(Page current) {
    return group("Guide", GUIDE, current)
        + group("Details", GUIDE.or(PROJECT).negate(), current)
        + group("Project", PROJECT.and(GUIDE.negate()), current);
  }

  private String group(String name, Predicate<Page> members, Page current) {
    StringBuilder group = new StringBuilder("<h2>" + name + "</h2>\n<ul>\n");
    for (Page page : pages.stream().filter(members).toList()) {
      String title = page.equals(first) ? "Overview" : page.title();
      String mark = page.equals(current) ? " aria-current=\"page\"" : "";
      String link = "<li><a href=\"{{root}}%s\"%s>%s</a>".formatted(page.target(), mark, title);
      group.append(link).append(page.equals(current) ? sections(page) : "").append("</li>\n");
    }
    return group.append("</ul>\n").toString();
  }

  private static String sections(Page page) {
    StringBuilder sections = new StringBuilder("\n<ul>\n");
    page.headings().stream()
        .filter(heading -> heading.level() == 2)
        .map(heading ->
            "<li><a href=\"#%s\">%s</a></li>\n".formatted(heading.anchor(), heading.text()))
        .forEach(sections::append);
    return sections.append("</ul>\n").toString();
  }
}
