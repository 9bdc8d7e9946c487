/**
 * What the engine's exceptions have in common. It stands below all other packages, and knows none
 * of them.
 */
@NullMarked
package org.tokenformer.engine.error;

import org.jspecify.annotations.NullMarked;
