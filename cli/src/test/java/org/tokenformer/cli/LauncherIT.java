package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The script {@code ./tokenformer}, in a copy of the checkout whose path has a space, a colon, a
 * newline, an asterisk and letters beyond ASCII. Builds are done by a stand-in for Maven that
 * copies the jars of the real build.
 */
class LauncherIT {
  private static final Path ROOT = Path.of(System.getProperty("project.root"));
  private static final String JDK = System.getProperty("java.home");
  private static final String UNKNOWN = "error: unknown command 'foo'; see 'tokenformer --help'\n";

  @TempDir static Path temporary = Path.of("");
  private static Path checkout = Path.of("");
  private static Path fakeMaven = Path.of("");

  private final Shell shell = new Shell(checkout).with("TF_JAVA_HOME", JDK);

  @BeforeAll
  static void copyCheckout() throws Exception {
    checkout = Files.createDirectories(temporary.resolve("a folder:\n* größer"));
    fakeMaven = Files.createDirectories(temporary.resolve("maven"));
    Shell.Result copied =
        new Shell(ROOT)
            .with("TO", checkout.toString())
            .run(
                """
                set -e
                for file in tokenformer build find-jdk.sh pom.xml */pom.xml */src/main; do
                  mkdir -p "$TO/$(dirname "$file")"
                  cp -R "$file" "$TO/$file"
                done
                mkdir -p "$TO/cli/target"
                cp -R cli/target/lib "$TO/cli/target/lib"
                cp -R cli/target/lib "$TO/jars"
                """);
    assertEquals(0, copied.code(), copied.err());
  }

  @BeforeEach
  void startOnce() throws Exception {
    Shell.Result first = shell.run("./tokenformer --version");
    assertEquals(0, first.code(), first.err());
    assertFalse(first.err().contains("building"), "jars newer than the sources need no build");
  }

  @Test
  void startsFromAnyFolderAndThroughSymbolicLinks() throws Exception {
    Path elsewhere = Files.createDirectories(temporary.resolve("else where"));
    var there = new Shell(elsewhere).with("TF_JAVA_HOME", JDK).with("ROOT", checkout.toString());
    Shell.Result linked =
        there.run(
            """
            ln -sf "$ROOT/tokenformer" absolute && ln -sf absolute relative
            ./relative --version && PATH="$PWD:$PATH" relative --version && cd / &&
            "$ROOT/tokenformer" --version
            """);
    assertEquals(0, linked.code(), linked.err());
    assertEquals(3, linked.out().lines().count());
    assertEquals("", linked.err());
  }

  @Test
  void onlyTheProgramWritesToStandardErrorWhateverThatIs() throws Exception {
    assertEquals(new Shell.Result(2, "", UNKNOWN), shell.run("./tokenformer foo"));
    assertEquals(new Shell.Result(0, UNKNOWN, ""), shell.run("{ ./tokenformer foo; } 2>&1 | cat"));
    assertEquals(new Shell.Result(2, "", ""), shell.run("./tokenformer foo 2>&-"));
    assertEquals(
        new Shell.Result(0, "before\n" + UNKNOWN + "after\n", ""),
        shell.run(
            """
            { echo before; ./tokenformer foo; echo after; } >both 2>&1
            cat both
            """));
  }

  @Test
  void aDescriptorThatIsASocketWorksAsWell() throws Exception {
    Shell.Result result =
        shell.run(
            """
            command -v python3 >/dev/null || exit 77
            python3 -c '
            import socket, subprocess
            a, b = socket.socketpair()
            subprocess.run(["./tokenformer", "foo"], stderr=b)
            b.close()
            print(a.makefile().read(), end="")'
            """);
    assumeTrue(result.code() != 77, "needs python3");
    assertEquals(new Shell.Result(0, UNKNOWN, ""), result);
  }

  @Test
  void aJvmThatCannotStartSaysWhyInOneLine() throws Exception {
    Path argumentFile =
        Files.writeString(temporary.resolve("arguments"), "-XX:+UseG1GC\n-XX:+NoSuchFlag\n");
    Map<String, String> reasons =
        Map.of(
            "_JAVA_OPTIONS=-XX:+NoSuchFlag",
            "Unrecognized VM option 'NoSuchFlag'",
            "JAVA_TOOL_OPTIONS=-Xmx1k",
            "Too small maximum heap",
            "JDK_JAVA_OPTIONS=@" + argumentFile,
            "Unrecognized VM option 'NoSuchFlag'",
            "TF_JAVA_OPTS=-javaagent:/no.jar",
            "/no.jar",
            "TF_JAVA_OPTS=-version",
            "it ended before");
    for (var reason : reasons.entrySet()) {
      String setting = reason.getKey();
      int equals = setting.indexOf('=');
      Shell user = new Shell(checkout).with("TF_JAVA_HOME", JDK);
      user.with(setting.substring(0, equals), setting.substring(equals + 1));
      Shell.Result result = user.run("./tokenformer -h");
      assertEquals("", result.out(), setting);
      assertEquals(2, result.code(), setting);
      assertEquals(1, result.err().lines().count(), result.err());
      assertTrue(
          result.err().startsWith("error: the JVM does not start the program: "), result.err());
      assertTrue(result.err().contains(reason.getValue()), result.err());
      assertTrue(result.err().endsWith("; check " + setting + "\n"), result.err());
    }
  }

  @Test
  void optionsForTheJvmMayChooseAnotherCollector() throws Exception {
    for (String variable : List.of("TF_JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")) {
      Shell user = new Shell(checkout).with("TF_JAVA_HOME", JDK);
      assertEquals(
          new Shell.Result(2, "", UNKNOWN),
          user.with(variable, "-Xmx256m -XX:+UseG1GC").run("./tokenformer foo"),
          variable);
    }
  }

  @Test
  void limitedAddressSpaceIsEnoughOrIsNamed() throws Exception {
    Shell.Result enough = shell.run("ulimit -v 2097152; ./tokenformer doctor --help");
    assertEquals(0, enough.code(), enough.err());
    assertEquals("", enough.err());
    String error =
        "error: the address space of a process is limited to 500000 kB, the program needs 1000000 kB;"
            + " raise the limit with ulimit -v\n";
    assertEquals(
        new Shell.Result(2, "", error), shell.run("ulimit -v 500000; ./tokenformer --version"));
  }

  @Test
  void aDeletedWorkingFolderIsNamed() throws Exception {
    Shell.Result result =
        shell
            .with("ROOT", checkout.toString())
            .run("mkdir gone && cd gone && rmdir \"$PWD\" && \"$ROOT/tokenformer\" --version");
    assertEquals(2, result.code());
    assertEquals("", result.out());
    assertTrue(result.err().contains("error: the working folder was deleted"), result.err());
  }

  @Test
  void aFolderThatIsNoJdkIsNotPassedOverInSilence() throws Exception {
    Shell.Result result =
        shell.with("TF_JAVA_HOME", temporary.toString()).run("./tokenformer --version");
    String error =
        "error: TF_JAVA_HOME must be the folder of a JDK 25 or newer, not "
            + temporary
            + ", which has no program bin/java; correct or unset it\n";
    assertEquals(new Shell.Result(2, "", error), result);
  }

  @Test
  void noStreamIsAFileOfTheJvmWhereOneIsClosed() throws Exception {
    String closed =
        "error: standard input cannot be read: Bad file descriptor;"
            + " redirect it from a file or a pipe, for example with < FILE\n";
    String unwritten = "error: standard output: Bad file descriptor\n";
    assertEquals(new Shell.Result(2, "", closed), shell.run("./tokenformer generate <&-"));
    assertEquals(new Shell.Result(2, "", unwritten), shell.run("./tokenformer --help <&- >&-"));
    assertEquals(new Shell.Result(2, "", ""), shell.run("./tokenformer generate <&- >&- 2>&-"));
    Shell.Result version = shell.run("./tokenformer --version <&- 2>&-");
    assertEquals(0, version.code());
    assertTrue(version.out().startsWith("tokenformer "), version.out());
  }

  @Test
  void argumentsKeepTheirLettersInAnyLocale() throws Exception {
    for (String locale : List.of("C", "C.UTF-8", "UTF-8", "xx_XX.UTF-8")) {
      Shell.Result result = shell.with("LC_ALL", locale).run("./tokenformer 'Äpfel 世界 \uFFFD'");
      assertEquals(
          "error: unknown command 'Äpfel 世界 \uFFFD'; see 'tokenformer --help'\n",
          result.err(),
          locale);
    }
  }

  @Test
  void argumentsThatAreNotUtf8AreRefused() throws Exception {
    assertEquals(
        new Shell.Result(
            2, "", "error: the argument 'a\uFFFDb' is not UTF-8; convert it to UTF-8 first\n"),
        shell.run("./tokenformer \"$(printf 'a\\377b')\""));
  }

  @Test
  void aJdkIsTheSameByAnySpelling() throws Exception {
    Path link = Files.createSymbolicLink(temporary.resolve("jdk link"), Path.of(JDK));
    String images = "ls -d cli/target/image-*/startup-*";
    String before = shell.run(images).out();
    for (String spelling : List.of(JDK + "/", link.toString(), JDK + "/bin/..")) {
      Shell.Result result = shell.with("TF_JAVA_HOME", spelling).run("./tokenformer foo");
      assertEquals(new Shell.Result(2, "", UNKNOWN), result, spelling);
    }
    assertEquals(before, shell.run(images).out());
  }

  @Test
  void anotherUsersInstallRunsWithoutWriting() throws Exception {
    Shell.Result result =
        shell.run(
            """
            test "$(id -u)" = 0 && command -v setpriv >/dev/null && test -x "$TF_JAVA_HOME/bin/java" || exit 77
            chmod a+rx .. # the folder of this test is private
            touch cli/src/main/java/module-info.java
            cd / && setpriv --reuid=65534 --clear-groups "$OLDPWD/tokenformer" foo
            """);
    Files.setLastModifiedTime(
        checkout.resolve("cli/src/main/java/module-info.java"), FileTime.from(Instant.EPOCH));
    assumeTrue(result.code() != 77 && !result.err().contains("ermission"), "needs root");
    assertEquals(2, result.code());
    assertTrue(result.err().startsWith("note: the sources are newer than "), result.err());
    assertTrue(result.err().endsWith(UNKNOWN), result.err());
  }

  @Test
  void aReaderThatHasGoneEndsTheProgramQuietly() throws Exception {
    Shell.Result result =
        shell.run("{ ./tokenformer completion bash; echo $? >code; } | true; sleep 2; cat code");
    assertEquals(new Shell.Result(0, "141\n", ""), result);
  }

  @Test
  void takesAJdk25FromTheUsualFoldersWhenTheDefaultJavaIsOlder() throws Exception {
    Path old = Files.createDirectories(temporary.resolve("old jdk/bin"));
    Files.writeString(old.resolveSibling("release"), "JAVA_VERSION=\"17.0.1\"\n");
    for (String tool : List.of("java", "javac")) {
      executable(old.resolve(tool), "echo 'the old Java ran'; exit 9");
    }
    Shell.Result result =
        shell
            .with("TF_JAVA_HOME", "")
            .with("OLD", old.toString())
            .with("TF_JDK_FOLDERS", temporary + ":" + Path.of(JDK).getParent())
            .run("PATH=\"$OLD:$PATH\" ./tokenformer --version");
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().startsWith("tokenformer "), result.out());
  }

  @Test
  void takesANewerJdkWhereThereIsNo25AndSaysSoInOneLine() throws Exception {
    Path newer = fakeJdk("jdks/jdk 26", "26.0.1");
    fakeJdk("jdks/jdk 24", "24.0.2");
    Shell only = new Shell(checkout).with("TF_JDK_FOLDERS", temporary.resolve("jdks").toString());
    Shell.Result version = only.run("./tokenformer --version");
    assertEquals(0, version.code(), version.err());
    assertTrue(version.out().startsWith("tokenformer "), version.out());
    String note =
        "note: using JDK 26 (%s); this program is tested on JDK 25 only%n".formatted(newer);
    assertEquals(note, version.err());
    assertEquals(
        new Shell.Result(2, "", "error: unknown command 'foo'; see 'tokenformer --help'\n"),
        only.run("./tokenformer foo --quiet"));
    executable(fakeMaven.resolve("mvn"), "echo \"$JAVA_HOME\"");
    Shell.Result build =
        only.with("MAVEN", fakeMaven.toString()).run("PATH=\"$MAVEN:$PATH\" ./build");
    assertEquals(new Shell.Result(0, newer + "\n", note), build);
  }

  @Test
  void prefers25ToANewerJdkUnlessTheUserNamesThat() throws Exception {
    Path newer = fakeJdk("both/jdk-27", "27");
    Path tested = fakeJdk("both/jdk-25", "25.0.1");
    Shell both =
        new Shell(checkout)
            .with("TF_JDK_FOLDERS", temporary.resolve("both").toString())
            .with("JAVA_HOME", newer.toString());
    String find = ". ./find-jdk.sh; tf_find_jdk; echo \"$JAVA_HOME$tf_note\"";
    assertEquals(new Shell.Result(0, tested + "\n", ""), both.run(find));
    Shell.Result named = both.with("TF_JAVA_HOME", newer.toString()).run(find);
    assertTrue(named.out().startsWith(newer + "note: using JDK 27"), named.out());
  }

  /** A folder that calls itself a JDK of some version and runs the one of this test. */
  private static Path fakeJdk(String name, String version) throws IOException {
    Path folder = temporary.resolve(name);
    Path bin = Files.createDirectories(folder.resolve("bin"));
    Files.writeString(folder.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
    for (String tool : List.of("java", "javac")) {
      executable(bin.resolve(tool), "exec '" + JDK + "/bin/" + tool + "' \"$@\"");
    }
    return folder;
  }

  @Test
  void withoutAJdk25BothScriptsSaySoInOneLine() throws Exception {
    Path tools = Files.createDirectories(temporary.resolve("tools"));
    for (String script : List.of("./tokenformer --version", "./build")) {
      Shell.Result result =
          shell
              .with("TF_JAVA_HOME", "")
              .with("TF_JDK_FOLDERS", "")
              .with("TOOLS", tools.toString())
              .run(
                  """
                  for tool in sh sed dirname readlink; do
                    ln -sf "$(command -v $tool)" "$TOOLS/$tool"
                  done
                  export PATH="$TOOLS"
                  """
                      + script);
      assertEquals(2, result.code());
      assertTrue(result.err().startsWith("error: no JDK 25 or newer was found"), result.err());
      assertEquals(1, result.err().lines().count(), result.err());
      assertEquals("", result.out());
    }
  }

  @Test
  void changedSourcesAreBuiltOnceWhenTwoStartTogether() throws Exception {
    executable(
        fakeMaven.resolve("mvn"),
        """
        echo built >>"$CHECKOUT/builds"
        sleep 2
        mkdir -p cli/target/lib
        cp "$CHECKOUT"/jars/*.jar cli/target/lib/
        """);
    Shell.Result result =
        shell
            .with("MAVEN", fakeMaven.toString())
            .with("CHECKOUT", checkout.toString())
            .run(
                """
                PATH="$MAVEN:$PATH"
                touch cli/src/main/java/module-info.java
                : >cli/target/build.lock # left by a process that was killed
                ./tokenformer --version & ./tokenformer --version & wait
                ./tokenformer --version
                cat builds && rm builds
                """);
    assertEquals(0, result.code(), result.err());
    assertEquals(3, result.out().lines().filter(l -> l.startsWith("tokenformer ")).count());
    assertEquals(1, result.out().lines().filter(l -> l.equals("built")).count(), result.err());
    assertEquals(
        1, result.err().lines().filter(l -> l.startsWith("tokenformer: building")).count());
    try (Stream<Path> left = Files.list(checkout.resolve("cli/target"))) {
      List<String> names = left.map(p -> p.getFileName().toString()).toList();
      assertTrue(names.stream().filter(n -> n.startsWith("image-")).count() <= 2, names.toString());
    }
  }

  @Test
  void aFailedBuildShowsItsLastLinesAndIsTriedAgain() throws Exception {
    executable(fakeMaven.resolve("mvn"), "echo '[ERROR] Main.java:[3,1] no such thing'; exit 1");
    Shell.Result failed =
        shell
            .with("MAVEN", fakeMaven.toString())
            .run(
                """
                PATH="$MAVEN:$PATH"
                touch pom.xml
                ./tokenformer --version
                """);
    assertEquals(1, failed.code());
    assertEquals("", failed.out());
    assertTrue(failed.err().contains("[ERROR] Main.java:[3,1] no such thing\n"), failed.err());
    assertTrue(failed.err().contains("error: the build failed; the whole log is "), failed.err());
    assertEquals(0, shell.run("mkdir cli/target/lib; cp jars/*.jar cli/target/lib/").code());
  }

  private static void executable(Path file, String script) throws IOException {
    Files.writeString(file, "#!/bin/sh\n" + script + "\n");
    assertTrue(file.toFile().setExecutable(true));
  }
}
