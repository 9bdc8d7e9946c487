package org.tokenformer.cli;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.Runner;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.MemoryNeeds;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.train.GrowthOptions;

/**
 * The memory that a run needs.
 *
 * @param state bytes of weights, gradients and moments
 * @param activations bytes of the activations of a micro-batch
 * @param validation bytes that validation needs, 0 without validation
 * @param growth bytes held twice while the model grows, 0 if it does not
 */
record TrainingNeeds(
    TokenFormerConfig config,
    TrainingShape shape,
    boolean onlyNew,
    long state,
    long activations,
    long validation,
    long growth) {
  /**
   * Returns the needs of the largest model of a run.
   *
   * @param growthsDone growth stages that are done
   */
  static TrainingNeeds of(
      TokenFormerConfig config,
      GrowthOptions growing,
      int growthsDone,
      TrainingShape shape,
      boolean validates) {
    TokenFormerConfig last = growing.last(config, growthsDone);
    return of(last, shape, growing.trainsOnlyNew(last), validates, !last.equals(config));
  }

  /** Returns the needs of a run without growth. */
  static TrainingNeeds of(TokenFormerConfig config, TrainingShape shape, boolean validates) {
    return of(config, shape, false, validates, false);
  }

  private static TrainingNeeds of(
      TokenFormerConfig config,
      TrainingShape shape,
      boolean onlyNew,
      boolean validates,
      boolean grows) {
    try {
      MemoryNeeds needs = new MemoryNeeds(config, onlyNew);
      long bytes = needs.trainingBytes(shape);
      long state = needs.trainingStateBytes();
      long cache = needs.cacheBytes(config.contextLength(), DType.F32);
      long validation = validates ? cache + Runner.scratchBytes(config) : 0;
      long growth = grows ? needs.growthBytes() : 0;
      return new TrainingNeeds(config, shape, onlyNew, state, bytes - state, validation, growth);
    } catch (ArithmeticException e) {
      throw sizeOverflow(e);
    }
  }

  /** Returns the error for a model whose size overflows. */
  static UserError sizeOverflow(ArithmeticException e) {
    return new UserError(
        "the model would have more bytes than can be counted; use smaller sizes", e);
  }

  /** Returns the memory of this machine in bytes, or the limit of a container. */
  static long machineBytes() {
    var system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return system.getTotalMemorySize();
  }

  private long bytes() {
    return state + activations + validation + growth;
  }

  /** Returns a human-readable line. */
  String line(long machineBytes) {
    return "needs %s of the machine's %s: weights, gradients and moments %s, activations %s%s%s"
        .formatted(
            Amount.bytes(bytes()),
            Amount.bytes(machineBytes),
            Amount.bytes(state),
            Amount.bytes(activations),
            validation > 0 ? ", validation " + Amount.bytes(validation) : "",
            growth > 0 ? ", growth " + Amount.bytes(growth) : "");
  }

  boolean fits(long machineBytes) {
    return bytes() <= machineBytes;
  }

  /** Returns why the run does not fit. */
  String tooMuch(long machineBytes) {
    return "%s parameters with --batch %d --sequence %d need %s of memory, but this machine has %s"
        .formatted(
            Amount.count(config.parameters()),
            shape.batch(),
            shape.sequence(),
            Amount.bytes(bytes()),
            Amount.bytes(machineBytes));
  }

  /** Rejects a run that does not fit into memory. */
  void check(long machineBytes) {
    if (!fits(machineBytes)) {
      throw new UserError(tooMuch(machineBytes) + "; " + advice(machineBytes));
    }
  }

  private String advice(long machineBytes) {
    for (int batch : new int[] {shape.batch(), 1}) {
      TrainingShape smaller = new TrainingShape(batch, shape.sequence(), true);
      TrainingNeeds needs = of(config, smaller, onlyNew, validation > 0, growth > 0);
      if (needs.fits(machineBytes)) {
        String batches =
            batch == shape.batch() ? "" : " --batch 1 (and --accumulate for larger steps)";
        return "with --recompute%s it needs %s".formatted(batches, Amount.bytes(needs.bytes()));
      }
    }
    return state < machineBytes ? "use a shorter --sequence" : "use a smaller model";
  }
}
