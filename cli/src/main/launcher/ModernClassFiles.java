import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.classfile.ClassElement;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ClassHierarchyResolverOption;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Converts the class files of a jar to the class-file version of JDK 25, which every newer JDK reads.
 *
 * <p>Class files older than Java 6 have no stack maps. The JVM verifies them with its slow verifier
 * and does not store them in the class-data archive. picocli is compiled this way, which took a
 * fifth of the start-up time. Only stack maps are added; the code is unchanged.
 *
 * <p>Usage: {@code java ModernClassFiles.java FROM.jar TO.jar}
 */
final class ModernClassFiles {
  private static final int FIRST_WITH_STACK_MAPS = ClassFile.JAVA_6_VERSION;

  private ModernClassFiles() {}

  public static void main(String[] args) throws IOException {
    Path from = Path.of(args[0]);
    try (var loader = new URLClassLoader(new URL[] {from.toUri().toURL()});
        var in = new ZipFile(from.toFile());
        OutputStream file = Files.newOutputStream(Path.of(args[1]));
        var out = new ZipOutputStream(file)) {
      ClassFile format =
          ClassFile.of(
              StackMapsOption.GENERATE_STACK_MAPS,
              ClassHierarchyResolverOption.of(
                  ClassHierarchyResolver.ofResourceParsing(loader)
                      .orElse(ClassHierarchyResolver.defaultResolver())));
      for (ZipEntry entry : Collections.list(in.entries())) {
        out.putNextEntry(new ZipEntry(entry.getName()));
        try (InputStream content = in.getInputStream(entry)) {
          byte[] bytes = content.readAllBytes();
          out.write(entry.getName().endsWith(".class") ? modern(format, bytes) : bytes);
        }
      }
    }
  }

  private static byte[] modern(ClassFile format, byte[] bytes) {
    var model = format.parse(bytes);
    if (model.majorVersion() >= FIRST_WITH_STACK_MAPS) {
      return bytes;
    }
    ClassTransform version =
        (builder, element) -> {
          ClassElement kept =
              element instanceof ClassFileVersion
                  ? ClassFileVersion.of(ClassFile.JAVA_25_VERSION, 0)
                  : element;
          builder.with(kept);
        };
    // Rebuilds the method bodies: copied ones would still have no stack maps.
    ClassTransform bodies = ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL);
    return format.transformClass(model, version.andThen(bodies));
  }
}
