/** Text to ids and back. Knows nothing of models. */
@NullMarked
package org.tokenformer.tokenizer;

import org.jspecify.annotations.NullMarked;
