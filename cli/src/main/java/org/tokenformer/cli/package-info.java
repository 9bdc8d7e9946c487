/** The commands: they parse arguments and print; every algorithm lives in engine or tokenizer. */
@NullMarked
package org.tokenformer.cli;

import org.jspecify.annotations.NullMarked;
