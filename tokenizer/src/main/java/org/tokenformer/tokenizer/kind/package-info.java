/**
 * Detects from the first bytes of a file that it is not plain text. Independent of everything else.
 * Not exported.
 */
@NullMarked
package org.tokenformer.tokenizer.kind;

import org.jspecify.annotations.NullMarked;
