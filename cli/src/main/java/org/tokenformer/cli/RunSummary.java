package org.tokenformer.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.train.RunFolder;
import org.tokenformer.engine.train.RunFolder.Checkpoint;

/** Describes which checkpoints a run folder holds. */
final class RunSummary {
  private RunSummary() {}

  /**
   * Returns lines for a model folder that belongs to a run: the checkpoint that it is, and the best
   * one if it is kept; none for other folders.
   */
  static List<String> lines(Path folder) throws IOException {
    List<String> lines = new ArrayList<>();
    Path latest = RunFolder.latest(folder);
    if (latest != null) {
      lines.add(
          ModelSummary.row("checkpoint", "the run's latest, " + text(Checkpoint.read(latest))));
      String best = best(folder);
      if (best != null) {
        lines.add(ModelSummary.row("best checkpoint", best));
      }
    } else if (RunFolder.isCheckpoint(folder)) {
      lines.add(ModelSummary.row("checkpoint", text(Checkpoint.read(folder))));
    }
    return lines;
  }

  /** Returns the best checkpoint of a run and where it is; null if it is not kept. */
  static @Nullable String best(Path run) throws IOException {
    Path best = RunFolder.best(run);
    return best == null ? null : text(Checkpoint.read(best)) + ", in " + best;
  }

  private static String text(Checkpoint checkpoint) {
    String position = "step %d of %d".formatted(checkpoint.step(), checkpoint.steps());
    return Double.isNaN(checkpoint.validationLoss())
        ? position
        : position + ", validation loss %.4f".formatted(checkpoint.validationLoss());
  }
}
