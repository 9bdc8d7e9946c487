package org.tokenformer.engine.train;

import java.io.IOException;
import java.nio.file.Path;
import org.tokenformer.engine.model.TokenFormerConfig;

/** Hears how a run goes. Called on the run's own thread, between its steps. */
public interface RunListener {
  /** A step was done. */
  void step(TrainingStep step);

  /**
   * The model grew, at the beginning of the step that was done last.
   *
   * @param step steps done before it
   */
  void grown(int step, TokenFormerConfig before, TokenFormerConfig after);

  /**
   * The validation data were gone through.
   *
   * @param step steps done
   * @param tokens ids learned from
   * @param loss mean, in nats
   */
  void validated(int step, long tokens, double loss);

  /** The run was saved. */
  void saved(Path checkpoint);

  /**
   * The run could not be saved; the checkpoints before are as they were. Not asked where the run
   * ends here in any case.
   *
   * @return whether to go on, and try again when the next checkpoint is due
   */
  boolean saveFailed(int step, IOException reason);
}
