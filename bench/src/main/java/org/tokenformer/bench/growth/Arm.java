package org.tokenformer.bench.growth;

import java.awt.Color;

/** A training configuration compared in the study. */
enum Arm {
  SCRATCH_LARGE("scratch-large", "large, from scratch", new Color(0x22, 0x2B, 0x38)),
  GROWN_ONCE("grown-once", "grown once, exact", new Color(0x1F, 0x5F, 0xBF)),
  GROWN_IN_STEPS("grown-in-steps", "grown in steps, exact", new Color(0x1B, 0x8A, 0x5A)),
  GROWN_LATE("grown-late", "grown late, more steps, exact", new Color(0x7A, 0x4F, 0xC4)),
  RELEASED("released", "grown once, released method", new Color(0xC8, 0x2F, 0x2F)),
  SCRATCH_MIDDLE("scratch-middle", "middle, from scratch", new Color(0x8A, 0x93, 0x9F)),
  SCRATCH_SMALL("scratch-small", "small, from scratch", new Color(0xBC, 0xC3, 0xCC)),
  LONGER_SMALL("longer-small", "small, more steps", new Color(0x6B, 0xB7, 0xC9)),
  TRANSFORMER("transformer", "plain Transformer", new Color(0xE0, 0x8A, 0x00));

  private final String prefix;
  private final String label;
  private final Color color;

  Arm(String prefix, String label, Color color) {
    this.prefix = prefix;
    this.label = label;
    this.color = color;
  }

  /** Returns the prefix of the names of its runs. */
  String prefix() {
    return prefix;
  }

  /** Returns the label in tables and charts. */
  String label() {
    return label;
  }

  Color color() {
    return color;
  }
}
