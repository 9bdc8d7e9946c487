package org.tokenformer.cli;

import java.util.Map;
import org.tokenformer.cli.console.Amount;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.grow.Growth;
import org.tokenformer.engine.model.TokenFormerConfig;

/**
 * The memory that a growth needs for the tensors that it makes; those that stay are read where they
 * lie.
 *
 * @param config of the grown model
 * @param bytes of all new tensors
 */
record GrowthNeeds(TokenFormerConfig config, long bytes) {
  /** Of a model with these weights. */
  static GrowthNeeds of(Growth growth, Map<String, NamedTensor> weights) {
    try {
      return new GrowthNeeds(growth.after(), growth.newBytes(weights));
    } catch (ArithmeticException e) {
      throw TrainingNeeds.uncountable(e);
    }
  }

  /** Refuses a growth that does not fit. */
  void check(long machineBytes) {
    if (bytes > machineBytes) {
      throw new UserError(
          "a growth to %s parameters needs %s of memory, this machine has %s; use smaller sizes"
              .formatted(
                  Amount.count(config.parameters()),
                  Amount.bytes(bytes),
                  Amount.bytes(machineBytes)));
    }
  }
}
