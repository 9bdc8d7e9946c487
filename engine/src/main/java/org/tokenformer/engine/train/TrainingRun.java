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

/** Runs a trainer to its last step, with checkpoints and validations in between. */
public final class TrainingRun {
  private final Trainer trainer;
  private final RunFolder folder;
  private final int saveEvery;
  private final @Nullable Validation validation;
  private final RunListener listener;
  private int savedAt;
  private double validationLoss = Double.NaN; // after the latest step; NaN if not measured

  /** Measures the loss on validation data. */
  public interface Measure {
    /**
     * Returns the mean loss in nats.
     *
     * @throws CancellationException if cancelled
     */
    double loss(TokenFormer model, @Nullable Cancellation cancellation);
  }

  /**
   * Periodic validation.
   *
   * @param every interval in steps; the last step is always followed by a validation
   */
  public record Validation(Measure measure, int every) {
    /** Checks the number. */
    public Validation {
      atLeastOne("eval_every", every);
    }
  }

  /**
   * Creates a run.
   *
   * @param trainer of a new run, or from {@link SavedRun#trainer}
   * @param saveEvery interval of checkpoints in steps; the last step is always saved
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
   * Runs until the last step is done or the run is cancelled, and saves a checkpoint in either
   * case.
   *
   * @return whether the last step was done
   * @throws DivergedException naming the last good checkpoint
   * @throws IOException if the run ends because a checkpoint cannot be saved; its one-line message
   *     names the last good checkpoint
   */
  public boolean run(@Nullable Cancellation cancellation) throws IOException {
    try {
      while (!trainer.isDone()) {
        Cancellation.check(cancellation);
        step(cancellation);
        validateIfDue(cancellation);
        boolean due = trainer.stepsDone() % saveEvery == 0 || folder.wouldBeBest(validationLoss);
        if (!trainer.isDone() && due) {
          saveOrAsk();
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

  private void validateIfDue(@Nullable Cancellation cancellation) {
    int step = trainer.stepsDone();
    if (validation != null && (trainer.isDone() || step % validation.every() == 0)) {
      validationLoss = validation.measure().loss(trainer.model(), cancellation);
      listener.validated(step, trainer.tokens(), validationLoss);
    }
  }

  private void step(@Nullable Cancellation cancellation) throws IOException {
    TokenFormerConfig before = trainer.model().config();
    int done = trainer.stepsDone();
    if (trainer.growsNext()) {
      saveOrAsk(); // the last state of the smaller model
    }
    TrainingStep step;
    try {
      step = trainer.step(cancellation);
    } finally {
      TokenFormerConfig after = trainer.model().config();
      if (!after.equals(before)) {
        validationLoss = Double.NaN; // it was that of the smaller model
        listener.grown(done, before, after);
      }
    }
    validationLoss = Double.NaN;
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

  /** Saves at the end of the run, when there is no later attempt. */
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
                    ? "there is no checkpoint yet to resume from; fix the problem and start again"
                    : "the last good checkpoint is "
                        + last
                        + "; fix the problem and resume the run"),
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

  /** Saves even on an interrupted thread, on which file channels would be closed. */
  private Path save() throws IOException {
    boolean interrupted = Thread.interrupted();
    try {
      return folder.save(trainer, validationLoss);
    } catch (IOException e) {
      if (!Thread.interrupted()) {
        throw e;
      }
      interrupted = true; // during the save, and possibly the cause of its failure
      return folder.save(trainer, validationLoss);
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
        : "the last good checkpoint is "
            + last
            + "; continue training from it with a lower learning rate";
  }
}
