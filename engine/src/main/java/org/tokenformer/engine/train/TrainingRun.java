package org.tokenformer.engine.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.CheckpointException;
import org.tokenformer.engine.model.Cancellation;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ModelFormatException;

/** A run from where its trainer stands to its last step, saved and validated on the way. */
public final class TrainingRun {
  private final Trainer trainer;
  private final RunFolder folder;
  private final int saveEvery;
  private final @Nullable Validation validation;
  private final RunListener listener;
  private int savedAt;

  /** Finds how well a model predicts what it does not learn from. */
  public interface Measure {
    /**
     * The mean loss, in nats.
     *
     * @throws CancellationException if cancelled
     */
    double loss(TokenFormer model, @Nullable Cancellation cancellation);
  }

  /**
   * What is looked at from time to time.
   *
   * @param every so many steps, and after the last
   */
  public record Validation(Measure measure, int every) {
    /** Checks the number. */
    public Validation {
      atLeastOne("eval-every", every);
    }
  }

  /**
   * A run.
   *
   * @param trainer at its beginning, or where a {@link SavedRun} has brought it
   * @param saveEvery so many steps, and after the last
   */
  public TrainingRun(
      Trainer trainer,
      RunFolder folder,
      int saveEvery,
      @Nullable Validation validation,
      RunListener listener) {
    atLeastOne("save_every", saveEvery);
    this.trainer = trainer;
    this.folder = folder;
    this.saveEvery = saveEvery;
    this.validation = validation;
    this.listener = listener;
    savedAt = trainer.stepsDone();
  }

  private static void atLeastOne(String field, int value) {
    if (value < 1) {
      throw ConfigException.notAllowed(field, value, "at least 1");
    }
  }

  /**
   * Runs to the end or until it is cancelled; saves in either case what was done since it was last
   * saved.
   *
   * @return whether it came to its end
   * @throws DivergedException naming the last good checkpoint
   * @throws IOException if the run ends here and cannot be saved; with one line for people, which
   *     names the last good checkpoint
   */
  public boolean run(@Nullable Cancellation cancellation) throws IOException {
    try {
      while (!trainer.isDone()) {
        Cancellation.check(cancellation);
        step(cancellation);
        int step = trainer.stepsDone();
        if (!trainer.isDone() && step % saveEvery == 0) {
          saveOrAsk();
        }
        if (validation != null && (trainer.isDone() || step % validation.every() == 0)) {
          double loss = validation.measure().loss(trainer.model(), cancellation);
          listener.validated(step, trainer.tokens(), loss);
        }
      }
    } catch (CancellationException e) {
      saveLast();
      return false;
    } catch (DivergedException e) {
      throw e.with(advice());
    }
    saveLast();
    return true;
  }

  private void step(@Nullable Cancellation cancellation) throws IOException {
    TokenFormerConfig before = trainer.model().config();
    int done = trainer.stepsDone();
    if (trainer.growsNext()) {
      saveOrAsk(); // the last moment of the smaller model
    }
    TrainingStep step;
    try {
      step = trainer.step(cancellation);
    } finally {
      TokenFormerConfig after = trainer.model().config();
      if (!after.equals(before)) {
        listener.grown(done, before, after);
      }
    }
    listener.step(step);
  }

  private void saveOrAsk() throws IOException {
    try {
      saveIfNew();
    } catch (IOException e) {
      if (!listener.saveFailed(trainer.stepsDone(), e)) {
        throw notSaved(e);
      }
    }
  }

  /** Saves where the run ends: there is no next time. */
  private void saveLast() throws IOException {
    try {
      saveIfNew();
    } catch (IOException e) {
      throw notSaved(e);
    }
  }

  private ModelFormatException notSaved(IOException reason) throws IOException {
    Path last = RunFolder.latest(folder.path());
    return new ModelFormatException(
        "step %d was not saved: %s; %s"
            .formatted(
                trainer.stepsDone(),
                CheckpointException.reason(reason),
                last == null
                    ? "there is no checkpoint yet to go on from"
                    : "the last good checkpoint is "
                        + last
                        + ", resume the run when that is mended"),
        reason);
  }

  private void saveIfNew() throws IOException {
    if (savedAt != trainer.stepsDone()) {
      trainer.checkWeights();
      Path checkpoint = save();
      savedAt = trainer.stepsDone();
      listener.saved(checkpoint);
    }
  }

  /** Saves on an interrupted thread, too, whose files would close themselves. */
  private Path save() throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      return folder.save(trainer);
    } catch (IOException e) {
      if (!Thread.interrupted()) {
        throw e;
      }
      interrupted = true; // just now, and perhaps it was that
      return folder.save(trainer);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private String advice() throws IOException {
    Path last = RunFolder.latest(folder.path());
    return last == null
        ? "no checkpoint was saved yet; try a lower learning rate or a longer warm-up"
        : "the last good checkpoint is " + last + "; go on from it with a lower learning rate";
  }
}
