package org.tokenformer.cli;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandleProxies;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.tokenformer.cli.console.Console;
import org.tokenformer.engine.model.Cancellation;

/**
 * Ctrl-C and its like as a cancellation: the work comes to a clean end, however long that takes,
 * and the command ends with {@link #exitCode}. A second one ends the process at once.
 */
final class Interruption implements Cancellation, AutoCloseable {
  /** The end of the terminal, Ctrl-C, and {@code kill}; their numbers are the same everywhere. */
  private static final Map<String, Integer> SIGNALS = Map.of("HUP", 1, "INT", 2, "TERM", 15);

  private static final int SIGNAL_EXIT = 128; // and the signal's number, as shells count

  private record Former(Object signal, Object handler) {}

  private final List<Former> formers = new ArrayList<>();
  private volatile int exitCode;

  // sun.misc.Signal is the only way to hear of a second signal, and the compiler cannot be told not
  // to warn of it; hence by reflection.
  private final Class<?> signalType;
  private final Class<?> handlerType;
  private final Method handle;

  Interruption() {
    try {
      signalType = Class.forName("sun.misc.Signal");
      handlerType = Class.forName("sun.misc.SignalHandler");
      handle = signalType.getMethod("handle", signalType, handlerType);
      for (Map.Entry<String, Integer> signal : SIGNALS.entrySet()) {
        int number = signal.getValue();
        listen(signal.getKey(), _ -> heard(number));
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("every JVM that this runs on has sun.misc.Signal", e);
    }
  }

  private void listen(String name, Consumer<Object> listener) throws ReflectiveOperationException {
    MethodHandle accept =
        MethodHandles.publicLookup()
            .findVirtual(Consumer.class, "accept", MethodType.methodType(void.class, Object.class))
            .bindTo(listener)
            .asType(MethodType.methodType(void.class, signalType));
    Object handler = MethodHandleProxies.asInterfaceInstance(handlerType, accept);
    try {
      Object signal = signalType.getConstructor(String.class).newInstance(name);
      formers.add(new Former(signal, handle.invoke(null, signal, handler)));
    } catch (InvocationTargetException e) {
      // This system does not have it, or the JVM keeps it for itself: it ends the process as ever.
      return;
    }
  }

  private void heard(int signal) {
    if (exitCode != 0) {
      Runtime.getRuntime().halt(SIGNAL_EXIT + signal);
    }
    exitCode = SIGNAL_EXIT + signal;
  }

  @Override
  public boolean isCancelled() {
    return exitCode != 0;
  }

  /** What the command returns: 130 after Ctrl-C, 0 if there was none. */
  int exitCode() {
    return exitCode;
  }

  /** Tells people that the command made nothing; what it returns. */
  int nothingWritten(Console console) {
    console.note("interrupted; nothing was written");
    return exitCode;
  }

  @Override
  public void close() {
    for (Former former : formers) {
      try {
        Object _ = handle.invoke(null, former.signal, former.handler);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException("a signal's former handler is refused", e);
      }
    }
  }
}
