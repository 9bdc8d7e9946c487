/**
 * The engine's side of {@code bench/peers}: workloads that run on request, so that a script can let
 * several programs take turns on one machine.
 */
@NullMarked
package org.tokenformer.bench.peers;

import org.jspecify.annotations.NullMarked;
