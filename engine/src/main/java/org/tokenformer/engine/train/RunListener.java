package org.tokenformer.engine.train;

import java.io.IOException;
import java.nio.file.Path;
import org.tokenformer.engine.model.TokenFormerConfig;

/** Receives the events of a run. Called on the run's own thread, between steps. */
public interface RunListener {
  /** Called after each step. */
  void step(TrainingStep step);

  /**
   * Called after the model grew at the start of the latest step.
   *
   * @param step steps done before the growth
   */
  void grown(int step, TokenFormerConfig before, TokenFormerConfig after);

  /**
   * Called after each validation.
   *
   * @param step steps done
   * @param tokens tokens trained on
   * @param loss mean loss in nats
   */
  void validated(int step, long tokens, double loss);

  /** Called after a checkpoint was saved. */
  void saved(Path checkpoint);

  /**
   * Called when a checkpoint could not be saved; earlier checkpoints are unchanged. Not called for
   * the last checkpoint, whose failure ends the run in any case.
   *
   * @return whether to continue and try again when the next checkpoint is due
   */
  boolean saveFailed(int step, IOException reason);
}
