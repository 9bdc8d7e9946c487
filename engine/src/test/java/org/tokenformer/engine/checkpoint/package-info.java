/** Tests of checkpoint files: one for each kind of refusal, and goldens written by torch. */
@NullMarked
package org.tokenformer.engine.checkpoint;

import org.jspecify.annotations.NullMarked;
