package org.tokenformer.cli;

import java.util.Map;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.grow.Growth;
import org.tokenformer.engine.model.TokenFormerConfig;

/**
 * The memory that growth needs for new tensors. Unchanged tensors are read from the mapped model
 * file.
 *
 * @param config the grown model
 * @param bytes the size of all new tensors
 */
record GrowthNeeds(TokenFormerConfig config, long bytes) {
  /** Returns the needs of growing a model with these weights. */
  static GrowthNeeds of(Growth growth, Map<String, NamedTensor> weights) {
    try {
      return new GrowthNeeds(growth.after(), growth.newBytes(weights));
    } catch (ArithmeticException e) {
      throw TrainingNeeds.sizeOverflow(e);
    }
  }

  /** Rejects growth that does not fit into memory. */
  void check(long machineBytes) {
    if (bytes > machineBytes) {
      throw new UserError(
          "growing to %s parameters needs %s of memory, but this machine has %s; use smaller sizes"
              .formatted(
                  Amount.count(config.parameters()),
                  Amount.bytes(bytes),
                  Amount.bytes(machineBytes)));
    }
  }
}
