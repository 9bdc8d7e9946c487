package org.tokenformer.engine;

import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.backend.vector.VectorBackend;
import org.tokenformer.engine.model.ConfigException;

/** Chooses a backend. Nothing else in the engine knows that there are several. */
public final class Backends {
  /** Takes the fastest that runs here. */
  public static final String AUTO = "auto";

  private static final int MAX_THREADS = 1024;
  private static final String VECTOR_MODULE = "jdk.incubator.vector";
  private static final String ADD_MODULE = "start java with --add-modules " + VECTOR_MODULE;

  /** About as long as the JVM needs to compile the kernels of a short text. */
  private static final long FIRST_ALONE_NANOS = 1_000_000_000;

  private static final AtomicBoolean FIRST = new AtomicBoolean(true);

  private Backends() {}

  /**
   * A backend and why it was chosen.
   *
   * @param backend to be closed by the caller
   * @param warning one line for people where {@code auto} could not take the fast one, else null
   */
  public record Choice(Backend backend, @Nullable String warning) {}

  /** Threads to compute with unless told otherwise: the processors that this process may use. */
  public static int defaultThreads() {
    return Runtime.getRuntime().availableProcessors();
  }

  /**
   * Opens a backend. The first of a process computes on the caller's thread alone for a second,
   * while the JVM compiles its kernels; that changes no result.
   *
   * @param name {@code auto}, {@code scalar} or {@code vector}
   * @param threads 1 to 1024; the scalar one has only the caller's
   * @throws BackendUnavailableException if a backend was named that cannot run here
   * @throws ConfigException if the name is unknown or the number of threads is out of its range
   */
  public static Choice open(String name, int threads) {
    if (threads < 1 || threads > MAX_THREADS) {
      throw ConfigException.notAllowed("threads", threads, "in 1 to " + MAX_THREADS);
    }
    return switch (name) {
      case "scalar" -> new Choice(scalar(), null);
      case "vector" -> {
        String obstacle = obstacle();
        if (obstacle != null) {
          throw new BackendUnavailableException(
              name, "backend vector cannot run here: " + obstacle);
        }
        yield new Choice(vector(threads), null);
      }
      case AUTO -> {
        String obstacle = obstacle();
        yield obstacle == null
            ? new Choice(vector(threads), null)
            : new Choice(
                scalar(),
                "computing on the scalar backend, a hundred times slower than need be: "
                    + obstacle);
      }
      default ->
          throw ConfigException.of(
              "backend", name, "'" + name + "' is unknown; known are auto, scalar and vector");
    };
  }

  private static Backend scalar() {
    return new CheckedBackend(new ScalarBackend());
  }

  private static Backend vector(int threads) {
    return new CheckedBackend(
        new VectorBackend(threads, FIRST.getAndSet(false) ? FIRST_ALONE_NANOS : 0));
  }

  /** Why vectors would not be fast here, or null if they are; with what to do. */
  private static @Nullable String obstacle() {
    if (ModuleLayer.boot().findModule(VECTOR_MODULE).isEmpty()) {
      return "the module " + VECTOR_MODULE + " is missing; " + ADD_MODULE;
    }
    // Without its intrinsics the vector API works, a hundred times slower than plain loops.
    String mode = System.getProperty("java.vm.info", "");
    if (mode.contains("interpreted mode")) {
      return "this JVM only interprets; start it without -Xint";
    }
    if (mode.contains("emulated-client")) {
      return "this JVM compiles with C1 only; start it without -XX:TieredStopAtLevel";
    }
    String vm = System.getProperty("java.vm.name", "");
    if (vm.contains("Client") || vm.contains("Zero") || vm.contains("OpenJ9")) {
      return "the JVM '" + vm + "' does not compile vectors; use one with HotSpot's C2";
    }
    return null;
  }
}
