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
 * Turns Ctrl-C and similar signals into a cancellation: the command finishes cleanly, however long
 * that takes, and returns {@link #exitCode}. A second signal ends the process at once.
 */
final class Interruption implements Cancellation, AutoCloseable {
  /** Closed terminal, Ctrl-C and {@code kill}; these numbers are the same on all systems. */
  private static final Map<String, Integer> SIGNALS = Map.of("HUP", 1, "INT", 2, "TERM", 15);

  private static final int SIGNAL_EXIT = 128; // plus the signal number, as in shells

  private record Previous(Object signal, Object handler) {}

  private final List<Previous> previousHandlers = new ArrayList<>();
  private volatile int exitCode;

  // sun.misc.Signal is the only way to catch a second signal. It is used by reflection because its
  // compiler warning cannot be suppressed.
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
        install(signal.getKey(), _ -> onSignal(number));
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("all supported JVMs have sun.misc.Signal", e);
    }
  }

  private void install(String name, Consumer<Object> listener) throws ReflectiveOperationException {
    MethodHandle accept =
        MethodHandles.publicLookup()
            .findVirtual(Consumer.class, "accept", MethodType.methodType(void.class, Object.class))
            .bindTo(listener)
            .asType(MethodType.methodType(void.class, signalType));
    Object handler = MethodHandleProxies.asInterfaceInstance(handlerType, accept);
    try {
      Object signal = signalType.getConstructor(String.class).newInstance(name);
      previousHandlers.add(new Previous(signal, handle.invoke(null, signal, handler)));
    } catch (InvocationTargetException e) {
      // The system lacks this signal or the JVM reserves it: it keeps its default action.
      return;
    }
  }

  private void onSignal(int signal) {
    if (exitCode != 0) {
      Runtime.getRuntime().halt(SIGNAL_EXIT + signal);
    }
    exitCode = SIGNAL_EXIT + signal;
  }

  @Override
  public boolean isCancelled() {
    return exitCode != 0;
  }

  /** Returns the exit code of the command: 130 after Ctrl-C, 0 without a signal. */
  int exitCode() {
    return exitCode;
  }

  /** Reports that the command wrote nothing and returns the exit code. */
  int nothingWritten(Console console) {
    console.note("interrupted; nothing was written");
    return exitCode;
  }

  @Override
  public void close() {
    for (Previous previous : previousHandlers) {
      try {
        Object _ = handle.invoke(null, previous.signal, previous.handler);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException("a signal's previous handler cannot be restored", e);
      }
    }
  }
}
