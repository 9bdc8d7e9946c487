package org.tokenformer.site;

import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.commonmark.Extension;
import org.commonmark.ext.gfm.tables.TablesExtension;
import org.commonmark.ext.heading.anchor.HeadingAnchorExtension;
import org.commonmark.parser.Parser;
import org.commonmark.renderer.html.HtmlRenderer;

/**
 * A page of Markdown as HTML.
 *
 * @param source its path in the repository, with slashes
 * @param html its content, with the links of the Markdown and the anchors that GitHub makes
 */
record Page(String source, String html) {
  private static final Pattern HEADING =
      Pattern.compile("(?s)<h([1-6]) id=\"([^\"]*)\">(.*?)</h\\1>");
  private static final List<Extension> EXTENSIONS =
      List.of(TablesExtension.create(), HeadingAnchorExtension.create());
  private static final Parser PARSER = Parser.builder().extensions(EXTENSIONS).build();
  private static final HtmlRenderer RENDERER =
      HtmlRenderer.builder().extensions(EXTENSIONS).build();

  /**
   * A heading.
   *
   * @param text its HTML without tags
   */
  record Heading(int level, String anchor, String text) {}

  static Page parse(String source, String markdown) {
    return new Page(source, RENDERER.render(PARSER.parse(markdown)));
  }

  List<Heading> headings() {
    return HEADING
        .matcher(html)
        .results()
        .map(match ->
            new Heading(
                Integer.parseInt(match.group(1)),
                match.group(2),
                match.group(3).replaceAll("<[^>]*>", "")))
        .toList();
  }

  String title() {
    return headings().isEmpty() ? source : headings().getFirst().text();
  }

  /** Returns the path in the site: that of the source, with a README as its folder's index. */
  String target() {
    return source.replaceFirst("(^|/)README\\.md$", "$1index.md").replaceFirst("md$", "html");
  }

  /** Returns the relative path from this page to the root of the site. */
  String root() {
    return "../".repeat((int) source.chars().filter(character -> character == '/').count());
  }

  List<String> linkedPages() {
    return LinkCheck.links(html)
        .filter(link -> !LinkCheck.isExternal(link))
        .map(link -> LinkCheck.resolve(source, link))
        .filter(path -> path.endsWith(".md"))
        .toList();
  }

  static String slashes(Path path) {
    return path.toString().replace(File.separatorChar, '/');
  }
}
