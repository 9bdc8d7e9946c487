/**
 * The interface common to the engine's exceptions. The lowest package: all others may use it, and
 * it uses none of them.
 */
@NullMarked
package org.tokenformer.engine.error;

import org.jspecify.annotations.NullMarked;
