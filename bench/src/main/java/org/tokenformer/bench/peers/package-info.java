/**
 * The engine's side of {@code bench/peers}: work that is done when a line asks for it, so that a
 * script can let several programs take turns on one machine.
 */
@NullMarked
package org.tokenformer.bench.peers;

import org.jspecify.annotations.NullMarked;
