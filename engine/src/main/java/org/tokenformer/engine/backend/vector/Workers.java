package org.tokenformer.engine.backend.vector;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A fixed team of threads that run one task at a time, phase by phase. The caller is one of them.
 *
 * <p>A token takes some two hundred phases, so starting and joining must cost well under a
 * microsecond: a thread that waits spins for a bounded time, and then parks, so that a shared
 * machine is left in peace. Within a phase work is handed out by a counter, which keeps cores of
 * different speed busy; results do not depend on who does what.
 *
 * <p>Used by one caller at a time: the backend's lock sees to it.
 */
final class Workers implements AutoCloseable {
  /** What the team does together: every member runs it, and every member meets every barrier. */
  interface Task {
    /**
     * One member's part.
     *
     * @param worker 0 to threads − 1
     */
    void run(int worker);
  }

  private static final long SPIN_NANOS = 50_000;
  private static final int SPINS_PER_LOOK_AT_THE_CLOCK = 64;

  /** Thrown out of a barrier that will never be complete, because another member failed. */
  private static final class AbandonedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    AbandonedException() {
      super("another worker failed", null, false, false);
    }
  }

  /** What a member may wait for; each is a counter that moves on. */
  private enum Event {
    START,
    PHASE,
    END
  }

  private final AtomicInteger starts = new AtomicInteger();
  private final AtomicInteger phases = new AtomicInteger();
  private final AtomicInteger departures = new AtomicInteger();

  private final AtomicInteger arrived = new AtomicInteger();
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicIntegerArray parked;
  private final Thread[] members; // 0 is the caller of the moment
  private final long spinNanos;
  private final long start = System.nanoTime();
  private long aloneNanos; // since then; 0 when they are over
  private int team; // members that run the task of the moment
  private volatile @Nullable Task task;
  private volatile @Nullable Throwable failure;
  private volatile boolean closed;

  /** Starts {@code threads − 1} daemon threads. */
  Workers(int threads) {
    this(threads, 0);
  }

  /**
   * Starts {@code threads − 1} daemon threads, which sleep at first.
   *
   * @param aloneNanos for so long the caller runs every task by itself
   */
  Workers(int threads, long aloneNanos) {
    this.aloneNanos = aloneNanos;
    // With more threads than cores the others need this core to make progress.
    spinNanos = threads > Runtime.getRuntime().availableProcessors() ? 0 : SPIN_NANOS;
    parked = new AtomicIntegerArray(threads);
    members = new Thread[threads];
    members[0] = Thread.currentThread();
    for (int i = 1; i < threads; i++) {
      int worker = i;
      members[i] =
          Thread.ofPlatform()
              .name("tokenformer-worker-" + worker)
              .daemon(true)
              .unstarted(() -> serve(worker));
    }
    try {
      for (int i = 1; i < threads; i++) {
        members[i].start();
      }
    } catch (Error e) { // no more threads to be had: those that started end, too
      close();
      throw e;
    }
  }

  int threads() {
    return members.length;
  }

  /** Runs a task on all members and returns when all are through with it. */
  void run(Task newTask) {
    if (closed) {
      throw new IllegalStateException("the backend is closed");
    }
    members[0] = Thread.currentThread();
    if (aloneNanos > 0 && System.nanoTime() - start >= aloneNanos) {
      aloneNanos = 0;
    }
    team = aloneNanos > 0 ? 1 : members.length;
    task = newTask;
    failure = null;
    arrived.set(0);
    next.set(0);
    int before = departures.get();
    if (team > 1) {
      starts.incrementAndGet();
      wakeAll(0);
    }
    work(0, newTask);
    await(0, Event.END, departures, before, team - 1);
    task = null;
    Throwable cause = failure;
    if (cause != null) {
      throw new IllegalStateException("a kernel failed: " + cause, cause);
    }
  }

  /** The next piece of work of this phase, from 0 on; each number is handed out once. */
  int next() {
    return next.getAndIncrement();
  }

  /**
   * The next of so many pieces that lie one behind the other in memory, or a number that is not
   * below {@code count} if none is left. The pieces are as many runs as there are members, and a
   * piece of each run is handed out in turns: while all are equally fast, each of them reads along
   * a run of its own. From memory that is a tenth to a quarter faster than every second piece.
   */
  int next(int count) {
    int n = next();
    if (n >= count) {
      return n;
    }
    int run = n % team;
    int longer = count % team; // so many runs have a piece more
    return run * (count / team) + Math.min(run, longer) + n / team;
  }

  /** Waits until every member is here; then the pieces of work start from 0 again. */
  void barrier(int worker) {
    int phase = phases.get();
    if (arrived.incrementAndGet() == team) {
      arrived.set(0);
      next.set(0);
      phases.incrementAndGet();
      wakeAll(worker);
    } else {
      await(worker, Event.PHASE, phases, phase, 1);
    }
  }

  /** Ends the threads; the running task, if there is one, is finished first by its caller. */
  @Override
  public void close() {
    closed = true;
    for (int i = 1; i < members.length; i++) {
      LockSupport.unpark(members[i]);
    }
  }

  private void serve(int worker) {
    int seen = 0;
    while (await(worker, Event.START, starts, seen, 1)) {
      seen++;
      Task current = task;
      if (current != null) {
        work(worker, current);
      }
      departures.incrementAndGet();
      wake(0);
    }
  }

  private void work(int worker, Task current) {
    try {
      current.run(worker);
    } catch (AbandonedException e) {
      // The failure that counts is already noted.
    } catch (Throwable e) {
      failure = e;
      wakeAll(worker);
    }
  }

  /**
   * Waits until a counter has moved on from {@code old} by {@code steps}.
   *
   * @return false if the team was closed instead
   */
  private boolean await(int worker, Event event, AtomicInteger counter, int old, int steps) {
    int spins = 0;
    long deadline = 0;
    while (counter.get() - old < steps) {
      if (event == Event.START && closed) {
        return false;
      }
      if (event == Event.PHASE && failure != null) {
        throw new AbandonedException();
      }
      if (++spins % SPINS_PER_LOOK_AT_THE_CLOCK != 0) {
        Thread.onSpinWait();
        continue;
      }
      long now = System.nanoTime();
      if (deadline == 0) {
        deadline = now + spinNanos;
      } else if (now >= deadline) {
        // Announce first and look again after: whoever ends the waiting looks at the flag later.
        parked.set(worker, 1);
        boolean abandoned = event == Event.PHASE && failure != null;
        if (counter.get() - old < steps && !closed && !abandoned) {
          LockSupport.park(this);
        }
        parked.set(worker, 0);
      }
    }
    return true;
  }

  private void wakeAll(int except) {
    for (int i = 0; i < team; i++) {
      if (i != except) {
        wake(i);
      }
    }
  }

  private void wake(int worker) {
    if (parked.get(worker) == 1) {
      LockSupport.unpark(members[worker]);
    }
  }
}
