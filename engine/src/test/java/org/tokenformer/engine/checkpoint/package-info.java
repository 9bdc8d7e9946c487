/**
 * Tests of checkpoint files: one for each cause of rejection, and golden files written by torch.
 */
@NullMarked
package org.tokenformer.engine.checkpoint;

import org.jspecify.annotations.NullMarked;
