package org.tokenformer.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.tokenformer.cli.console.UserError;
import org.tokenformer.engine.model.Presets;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.training.TrainingShape;

class TrainingNeedsTest {
  private static final TokenFormerConfig CONFIG = Presets.get("laptop-15M");

  private static TrainingNeeds needs(boolean recompute) {
    return TrainingNeeds.of(CONFIG, new TrainingShape(8, 256, recompute), false);
  }

  private static String refusal(long machineBytes) {
    UserError error = assertThrows(UserError.class, () -> needs(false).check(machineBytes));
    return String.valueOf(error.getMessage());
  }

  @Test
  void countsWeightsGradientsMomentsAndActivations() {
    TrainingNeeds needs = needs(false);
    assertEquals(16 * CONFIG.parameters(), needs.state());
    assertTrue(needs.activations() > 0);
    assertEquals(0, needs.validation());
    assertTrue(TrainingNeeds.of(CONFIG, needs.shape(), true).validation() > 0);
    needs.check(needs.state() + needs.activations());
  }

  @Test
  void saysBothNumbersAndWhatWouldFit() {
    long all = needs(false).state() + needs(false).activations();
    long less = needs(true).state() + needs(true).activations();
    String slightly = refusal(all - 1);
    assertTrue(
        slightly.startsWith("15.7M parameters with --batch 8 --sequence 256 need "), slightly);
    assertTrue(slightly.contains(", but this machine has "), slightly);
    assertTrue(slightly.contains("; with --recompute it needs "), slightly);
    String more = refusal(less - 1);
    assertTrue(
        more.contains("; with --recompute --batch 1 (and --accumulate for larger steps) it "),
        more);
    String shorter = refusal(needs(false).state() + 1);
    assertTrue(shorter.endsWith("; use a shorter --sequence"), shorter);
    String smaller = refusal(1000);
    assertTrue(smaller.endsWith("this machine has 1000 B; use a smaller model"), smaller);
  }
}
