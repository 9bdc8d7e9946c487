package org.tokenformer.site;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SiteBuilderTest {
  private static final String BACKEND = "engine/src/main/java/org/tokenformer/engine/Backend";

  @TempDir private Path repository;

  @BeforeEach
  void makeRepository() throws IOException {
    write("README.md", "# Engine\n\nSee [more](docs/more.md#two--three).\n");
    write("docs/more.md", "# More\n\n## Two & `three`\n\n[back](../README.md)\n");
    write("docs/chart.svg", "<svg/>");
    write(BACKEND + ".java", "");
    write(BACKEND + "Impl.java", "");
    write("target/site/api/index.html", "<html></html>");
    write("target/site/api/org.tokenformer.engine/org/tokenformer/engine/Backend.html", "<p>");
  }

  @Test
  void linksBetweenPagesLeadToHtml() throws IOException {
    assertEquals(List.of(), build(""));
    assertTrue(read("index.html").contains("<a href=\"docs/more.html#two--three\">more</a>"));
    assertTrue(read("docs/more.html").contains("<a href=\"../index.html\">back</a>"));
    assertTrue(read("docs/more.html").contains("<title>More · Engine</title>"));
  }

  @Test
  void linkedFilesOfDocsAreCopied() throws IOException {
    write("docs/more.md", "# More\n\n## Two & three\n\n![chart](chart.svg)\n");
    assertEquals(List.of(), build(""));
    assertTrue(read("docs/more.html").contains("src=\"../docs/chart.svg\""));
    assertEquals("<svg/>", read("docs/chart.svg"));
  }

  @Test
  void sourcesOfExportedClassesLeadToTheirJavadoc() throws IOException {
    write("README.md", "# Engine\n\n[Backend](%s.java), [all](engine)\n".formatted(BACKEND));
    assertEquals(List.of(), build(""));
    assertTrue(
        read("index.html")
            .contains(
                "<a href=\"api/org.tokenformer.engine/org/tokenformer/engine/Backend.html\">"
                    + "Backend</a>, <a>all</a>"));
  }

  @Test
  void otherSourcesLeadToTheAddressOfTheRepository() throws IOException {
    write("README.md", "# Engine\n\n[B](%sImpl.java#L7)\n".formatted(BACKEND));
    assertEquals(List.of(), build("https://example.org/blob"));
    assertTrue(
        read("index.html").contains("\"https://example.org/blob/" + BACKEND + "Impl.java#L7\""));
  }

  @ParameterizedTest
  @CsvSource({
    "docs/less.md, there is no file docs/less.md",
    "docs/more.md#three, docs/more.md has no anchor three",
    "#two, README.md has no anchor two",
    "../LICENSE, there is no file ../LICENSE",
    "/docs/more.md, there is no file /docs/more.md",
  })
  void brokenLinksOfTheMarkdownAreReported(String link, String problem) throws IOException {
    write("README.md", "# Engine\n\n[x](%s) [y](https://example.org/absent)\n".formatted(link));
    assertEquals(List.of("README.md: " + link + " → " + problem), build(""));
  }

  @Test
  void brokenLinksOfTheSiteAreReported() throws IOException {
    write(
        "target/site/api/index.html",
        "<p><a class=\"a>b\" href=\"x.html#a\"></a><img src=\"y.png\">");
    write("target/site/api/x.html", "<p id=\"%3Ca\"><a href=\"#%3Ca&gt;\">x</a><a id=\"&lt;a>\">");
    assertEquals(
        List.of(
            "api/index.html: x.html#a → api/x.html has no anchor a",
            "api/index.html: y.png → there is no file api/y.png"),
        build(""));
  }

  @ParameterizedTest
  @CsvSource({
    "Plain words, plain-words",
    "`--top-k=N`: the N most probable, --top-kn-the-n-most-probable",
    "[1.0.0] - 2026-11-01, 100---2026-11-01",
    "τ_max (größer) *is* \"it\"?, τ_max-größer-is-it",
  })
  void anchorsAreThoseOfGitHub(String heading, String anchor) {
    Page page = Page.parse("a.md", "# " + heading + "\n# " + heading + "\n");
    assertEquals(
        List.of(anchor, anchor + "-1"),
        page.headings().stream().map(Page.Heading::anchor).toList());
  }

  @Test
  void pagesHaveNoPlaceholdersLeft() throws IOException {
    assertEquals(List.of(), build(""));
    assertFalse(read("index.html").contains("{{"));
  }

  private List<String> build(String sources) throws IOException {
    return SiteBuilder.build(repository, repository.resolve("target/site"), sources).problems();
  }

  private void write(String file, String text) throws IOException {
    Files.createDirectories(repository.resolve(file).getParent());
    Files.writeString(repository.resolve(file), text);
  }

  private String read(String file) throws IOException {
    return Files.readString(repository.resolve("target/site").resolve(file));
  }
}
