/**
 * Coverage-guided fuzzing of every reader of untrusted bytes. {@link FuzzTarget} says what a target
 * is, {@link FuzzCase} what must hold for any input. {@code bench/fuzz} runs campaigns; {@link
 * FuzzReplayTest} repeats the inputs that they found, kept in {@code testdata/fuzz}.
 */
@NullMarked
package org.tokenformer.cli.fuzz;

import org.jspecify.annotations.NullMarked;
