/** What the packages of this module share to write files. Not exported. */
@NullMarked
package org.tokenformer.tokenizer.io;

import org.jspecify.annotations.NullMarked;
