package org.tokenformer.engine.model;

import java.util.List;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.backend.Sequence;

/**
 * One pass through the blocks, forward or backward.
 *
 * @param rotary angles by which queries and keys are rotated; those of a backward pass are negated
 * @param sequences whose rows are in flight
 */
public record PassContext(Backend backend, RotaryTable rotary, List<Sequence> sequences) {}
