package org.tokenformer.bench.growth;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.List;
import org.junit.jupiter.api.Test;

class RunCurveTest {
  private static final double NONE = Double.NaN;

  private static Point point(int step, long parameters, double smoothed, double validLoss) {
    return new Point(step, parameters, 0.01 * step, 2.0 * step, smoothed, validLoss);
  }

  private static RunCurve curve(Point... points) {
    return new RunCurve(Arm.GROWN_ONCE, 1, List.of(points));
  }

  @Test
  void aLossIsReachedOnTheLineBetweenTwoValidations() {
    RunCurve curve =
        curve(
            point(10, 5, 6, 6.0),
            point(15, 5, 6, NONE),
            point(20, 5, 5, 5.0),
            point(30, 5, 4, 4.5));
    assertEquals(0.1, curve.petaflopsToReach(7), 1e-12);
    assertEquals(0.125, curve.petaflopsToReach(5.75), 1e-12);
    assertEquals(0.2, curve.petaflopsToReach(5), 1e-12);
    assertEquals(0.26, curve.petaflopsToReach(4.7), 1e-12);
    assertEquals(NONE, curve.petaflopsToReach(4.4));
  }

  @Test
  void theFirstCrossingCountsIfTheLossRisesAgain() {
    RunCurve curve = curve(point(10, 5, 6, 6.0), point(20, 5, 5, 5.0), point(30, 5, 5, 5.5));
    assertEquals(0.15, curve.petaflopsToReach(5.5), 1e-12);
  }

  @Test
  void aRiseIsTheHighestLossOfTheStepsAfterAGrowth() {
    RunCurve curve =
        curve(
            point(1, 5, 9.0, NONE),
            point(2, 5, 4.0, NONE),
            point(3, 8, 4.1, NONE),
            point(4, 8, 3.9, NONE),
            point(5, 8, 4.4, NONE));
    List<RunCurve.Rise> two = curve.rises(2);
    assertEquals(1, two.size());
    assertEquals(2, two.getFirst().before().step());
    assertEquals(4.1, two.getFirst().highest());
    assertEquals(2.5, two.getFirst().percent(), 1e-9);
    assertEquals(10, curve.rises(3).getFirst().percent(), 1e-9);
  }

  @Test
  void aFallAfterAGrowthIsARiseBelowZero() {
    RunCurve curve = curve(point(1, 5, 4.0, NONE), point(2, 8, 3.8, NONE));
    assertEquals(-5, curve.rises(50).getFirst().percent(), 1e-9);
  }

  @Test
  void everyGrowthOfARunIsFound() {
    RunCurve curve =
        curve(point(1, 5, 4, NONE), point(2, 8, 4, NONE), point(3, 8, 4, NONE), point(4, 9, 4, 4));
    assertEquals(List.of(1, 3), curve.growths().stream().map(Point::step).toList());
  }

  @Test
  void aRunIsIdentifiedByItsName() {
    List<Point> points = List.of(point(1, 5, 4, 4));
    RunCurve curve = RunCurve.named("grown-in-steps-12", points);
    assertNotNull(curve);
    assertEquals(Arm.GROWN_IN_STEPS, curve.arm());
    assertEquals(12, curve.seed());
    assertEquals("grown-in-steps-12", curve.name());
    assertNull(RunCurve.named("sweep-small-0.002-1", points));
    assertNull(RunCurve.named("grown-once", points));
  }
}
