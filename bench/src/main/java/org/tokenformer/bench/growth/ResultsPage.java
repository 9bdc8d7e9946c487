package org.tokenformer.bench.growth;

import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/** The tables of a study in Markdown. */
final class ResultsPage {
  /** Steps after a growth in which the loss should not rise. */
  static final int SPIKE_STEPS = 50;

  private static final String NONE = "–";

  private final Study study;
  private final StringBuilder page = new StringBuilder();

  private ResultsPage(Study study) {
    this.study = study;
  }

  static String of(Study study) {
    ResultsPage page = new ResultsPage(study);
    page.line("# Growth: the numbers");
    page.line("");
    page.line(
        "Made by `GrowthStudy report` from the files in [bench/growth/results](../../bench/growth/results);"
            + " [growth.md](../growth.md) says what they mean.");
    page.sweeps();
    page.ends();
    page.shares();
    page.rises();
    return page.page.toString();
  }

  private void line(String line) {
    page.append(line).append('\n');
  }

  private void table(String title, String head) {
    line("");
    line("## " + title);
    line("");
    line(head);
    line("|---".repeat((int) head.chars().filter(c -> c == '|').count() - 1) + "|");
  }

  private void sweeps() {
    table(
        "Sweeps: loss on held-out documents, the best of a size in bold",
        "| size | learning rate | scale of first values | loss |");
    for (String size : SweepRun.SIZES) {
      List<SweepRun> runs = study.sweeps().stream().filter(run -> run.size().equals(size)).toList();
      OptionalDouble least =
          runs.stream().mapToDouble(SweepRun::loss).filter(loss -> !Double.isNaN(loss)).min();
      for (SweepRun run : runs) {
        boolean best = least.isPresent() && run.loss() == least.getAsDouble();
        String loss = Double.isNaN(run.loss()) ? "diverged" : format("%.4f", run.loss());
        line(
            "| %s | %s | %s | %s |"
                .formatted(
                    size,
                    plain(run.rate()),
                    Double.isNaN(run.scale()) ? NONE : plain(run.scale()),
                    best ? "**" + loss + "**" : loss));
      }
    }
  }

  private void ends() {
    table(
        "What each run ends with",
        "| arm | seed | parameters | validation loss | PFLOP | seconds |");
    for (RunCurve course : study.courses()) {
      Point last = course.last();
      line(
          "| %s | %d | %s M | %s | %s | %s |"
              .formatted(
                  course.arm().label(),
                  course.seed(),
                  format("%.2f", last.parameters() / 1e6),
                  last.isValidated() ? format("%.4f", last.validLoss()) : "diverged",
                  format("%.4f", last.petaflops()),
                  format("%.0f", last.seconds())));
    }
  }

  private void shares() {
    table(
        "Share of the operations of the largest size from scratch, to its final validation loss",
        "| arm | seed | loss to reach | PFLOP | share |");
    for (RunCurve course : study.courses()) {
      RunCurve scratch = study.find(Arm.SCRATCH_LARGE, course.seed());
      if (scratch != null && course.arm() != Arm.SCRATCH_LARGE && scratch.last().isValidated()) {
        Point goal = scratch.last();
        double petaflops = course.petaflopsToReach(goal.validLoss());
        boolean reached = !Double.isNaN(petaflops);
        line(
            "| %s | %d | %s | %s | %s |"
                .formatted(
                    course.arm().label(),
                    course.seed(),
                    format("%.4f", goal.validLoss()),
                    reached ? format("%.4f", petaflops) : NONE,
                    reached
                        ? format("%.1f %%", 100 * petaflops / goal.petaflops())
                        : "not reached"));
      }
    }
  }

  private void rises() {
    table(
        "Smoothed training loss in the " + SPIKE_STEPS + " steps after a growth",
        "| arm | seed | after step | loss before | highest after | rise |");
    for (RunCurve course : study.courses()) {
      for (RunCurve.Rise rise : course.rises(SPIKE_STEPS)) {
        line(
            "| %s | %d | %d | %s | %s | %s |"
                .formatted(
                    course.arm().label(),
                    course.seed(),
                    rise.before().step(),
                    format("%.4f", rise.before().smoothed()),
                    format("%.4f", rise.highest()),
                    format("%+.2f %%", rise.percent())));
      }
    }
  }

  private static String format(String format, double value) {
    return String.format(Locale.ROOT, format, value);
  }

  /** Without a needless end, as 0.002 and 1. */
  private static String plain(double value) {
    String text = Double.toString(value);
    return text.endsWith(".0") ? text.substring(0, text.length() - 2) : text;
  }
}
