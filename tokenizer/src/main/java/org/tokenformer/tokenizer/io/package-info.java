/** File writing shared by the packages of this module. Not exported. */
@NullMarked
package org.tokenformer.tokenizer.io;

import org.jspecify.annotations.NullMarked;
