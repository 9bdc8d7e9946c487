package org.tokenformer.engine.model;

import java.util.List;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.RotaryTable;
import org.tokenformer.engine.backend.Sequence;

/**
 * One pass through the blocks, forward or backward.
 *
 * @param rotary rotation angles of queries and keys; negated in a backward pass
 * @param sequences the sequences of the batch, in the order of their rows
 */
public record PassContext(Backend backend, RotaryTable rotary, List<Sequence> sequences) {}
