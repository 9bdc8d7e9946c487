package org.tokenformer.engine.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** Linear warm-up, then cosine decay. */
final class ScheduleTest {
  private static final double EXACT = 1e-15;

  @Test
  void warmsUpAndComesDown() {
    Schedule schedule = new Schedule(110, 10, 6e-4, 6e-5);
    assertEquals(6e-5, schedule.rate(1), EXACT);
    assertEquals(3e-4, schedule.rate(5), EXACT);
    assertEquals(6e-4, schedule.rate(10), EXACT);
    assertEquals((6e-4 + 6e-5) / 2, schedule.rate(60), EXACT);
    assertEquals(6e-5, schedule.rate(110), EXACT);
    for (int step = 11; step < 110; step++) {
      assertEquals(
          Math.signum(-1.0), Math.signum(schedule.rate(step + 1) - schedule.rate(step)), "" + step);
    }
  }

  @Test
  void hasNoWarmUp() {
    assertEquals(1e-3, new Schedule(6, 0, 1e-3, 1e-3).rate(1), EXACT);
    assertEquals(1e-3, new Schedule(6, 0, 1e-3, 1e-3).rate(6), EXACT);
    assertEquals(0, new Schedule(6, 0, 1e-3, 0).rate(6), EXACT);
  }

  @Test
  void isNothingButWarmUp() {
    Schedule schedule = new Schedule(4, 4, 1e-3, 1e-4);
    assertEquals(2.5e-4, schedule.rate(1), EXACT);
    assertEquals(1e-3, schedule.rate(4), EXACT);
  }
}
