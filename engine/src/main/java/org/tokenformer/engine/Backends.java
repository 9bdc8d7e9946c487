package org.tokenformer.engine;

import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.CheckedBackend;
import org.tokenformer.engine.backend.scalar.ScalarBackend;
import org.tokenformer.engine.backend.vector.VectorBackend;
import org.tokenformer.engine.model.ConfigException;

/** Opens backends by name. */
public final class Backends {
  /** Selects the fastest backend that runs here. */
  public static final String AUTO = "auto";

  private static final int MAX_THREADS = 1024;
  private static final String VECTOR_MODULE = "jdk.incubator.vector";
  private static final String ADD_MODULE = "start java with --add-modules " + VECTOR_MODULE;

  /** Roughly the time that the JVM needs to compile the kernels used by a short text. */
  private static final long SINGLE_THREADED_NANOS = 1_000_000_000;

  private static final AtomicBoolean FIRST_VECTOR = new AtomicBoolean(true);

  private Backends() {}

  /**
   * An opened backend.
   *
   * @param backend the caller closes it
   * @param warning one human-readable line if {@code auto} fell back to the scalar backend,
   *     otherwise null
   */
  public record Choice(Backend backend, @Nullable String warning) {}

  /** Returns the default number of threads: the processors available to this process. */
  public static int defaultThreads() {
    return Runtime.getRuntime().availableProcessors();
  }

  /**
   * Opens a backend. The first vector backend of a process uses only the caller's thread for one
   * second, while the JVM compiles its kernels; this changes no result.
   *
   * @param name {@code auto}, {@code scalar} or {@code vector}
   * @param threads between 1 and 1024; the scalar backend uses only the caller's thread
   * @throws BackendUnavailableException if the backend is named explicitly and cannot run here
   * @throws ConfigException if the name is unknown, the number of threads is out of range, or the
   *     system property {@value VectorBackend#WIDTH_PROPERTY} is not a width that this machine has
   */
  public static Choice open(String name, int threads) {
    if (threads < 1 || threads > MAX_THREADS) {
      throw ConfigException.notAllowed("threads", threads, "between 1 and " + MAX_THREADS);
    }
    return switch (name) {
      case "scalar" -> new Choice(scalar(), null);
      case "vector" -> {
        String obstacle = vectorObstacle();
        if (obstacle != null) {
          throw new BackendUnavailableException(
              name, "backend vector cannot run here: " + obstacle);
        }
        yield new Choice(vector(threads), null);
      }
      case AUTO -> {
        String obstacle = vectorObstacle();
        yield obstacle == null
            ? new Choice(vector(threads), null)
            : new Choice(
                scalar(),
                "using the scalar backend, which is about a hundred times slower: " + obstacle);
      }
      default ->
          throw ConfigException.of(
              "backend", name, "'" + name + "' is unknown; use auto, scalar or vector");
    };
  }

  private static Backend scalar() {
    return new CheckedBackend(new ScalarBackend());
  }

  private static Backend vector(int threads) {
    checkWidth(System.getProperty(VectorBackend.WIDTH_PROPERTY), VectorBackend.widths());
    return new CheckedBackend(
        new VectorBackend(threads, FIRST_VECTOR.getAndSet(false) ? SINGLE_THREADED_NANOS : 0));
  }

  /** Checks a vector width: wider vectors than the machine's would work, but very slowly. */
  static void checkWidth(@Nullable String bits, List<Integer> widths) {
    List<String> allowed = widths.stream().map(String::valueOf).toList();
    if (bits != null && !allowed.contains(bits)) {
      throw ConfigException.notAllowed(
          VectorBackend.WIDTH_PROPERTY, bits, String.join(" or ", allowed) + " on this machine");
    }
  }

  /** Returns why the vector backend cannot run fast here and how to fix it; null if it can. */
  private static @Nullable String vectorObstacle() {
    if (ModuleLayer.boot().findModule(VECTOR_MODULE).isEmpty()) {
      return "the module " + VECTOR_MODULE + " is missing; " + ADD_MODULE;
    }
    // Without intrinsics the Vector API works, but a hundred times slower than plain loops.
    String mode = System.getProperty("java.vm.info", "");
    if (mode.contains("interpreted mode")) {
      return "this JVM runs in interpreted mode; start it without -Xint";
    }
    if (mode.contains("emulated-client")) {
      return "this JVM compiles with C1 only; start it without -XX:TieredStopAtLevel";
    }
    String vm = System.getProperty("java.vm.name", "");
    if (vm.contains("Client") || vm.contains("Zero") || vm.contains("OpenJ9")) {
      return "the JVM '"
          + vm
          + "' does not compile the Vector API; use a HotSpot JVM with the C2 compiler";
    }
    if (VectorBackend.widths().isEmpty()) {
      return "this JVM has no vector instructions for this processor";
    }
    return null;
  }
}
