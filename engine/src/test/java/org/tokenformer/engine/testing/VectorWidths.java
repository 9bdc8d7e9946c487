package org.tokenformer.engine.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.Map;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.vector.VectorBackend;

/**
 * Vector backends of any width in one JVM. The width is a static constant of the vector package, so
 * each width gets a class loader with its own copy of that package.
 */
public final class VectorWidths {
  private static final String PACKAGE = "org.tokenformer.engine.backend.vector.";
  private static final String PROPERTY = VectorBackend.WIDTH_PROPERTY;

  /** One copy per width, so that the JVM compiles it once and not for every test. */
  private static final Map<Integer, Class<?>> BACKENDS = new HashMap<>();

  private VectorWidths() {}

  /** Opens the vector backend at a width, whether or not the hardware supports it. */
  public static synchronized Backend open(int bits, int threads) {
    try {
      Class<?> type = BACKENDS.get(bits);
      if (type == null) {
        type = load(bits);
        BACKENDS.put(bits, type);
      }
      Backend backend = (Backend) type.getConstructor(int.class).newInstance(threads);
      if (!backend.description().contains(bits + " bits")) {
        throw new AssertionError("asked for " + bits + " bits, got " + backend.description());
      }
      return new CheckedBackend(backend);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(e.toString(), e);
    }
  }

  private static Class<?> load(int bits) throws ReflectiveOperationException {
    String before = System.getProperty(PROPERTY);
    System.setProperty(PROPERTY, Integer.toString(bits));
    try {
      // The width is read when the first backend is created.
      Class<?> type = Class.forName(PACKAGE + "VectorBackend", true, new Loader());
      ((Backend) type.getConstructor(int.class).newInstance(1)).close();
      return type;
    } finally {
      if (before == null) {
        System.clearProperty(PROPERTY);
      } else {
        System.setProperty(PROPERTY, before);
      }
    }
  }

  private static final class Loader extends ClassLoader {
    Loader() {
      super(VectorWidths.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (!name.startsWith(PACKAGE)) {
        return super.loadClass(name, resolve);
      }
      synchronized (getClassLoadingLock(name)) {
        Class<?> loaded = findLoadedClass(name);
        if (loaded != null) {
          return loaded;
        }
        try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
          if (in == null) {
            throw new ClassNotFoundException(name);
          }
          byte[] bytes = in.readAllBytes();
          return defineClass(name, bytes, 0, bytes.length);
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }
}
