/**
 * The commands: they parse arguments and print; every algorithm lives in engine or tokenizer. One
 * class per command, made in {@link org.tokenformer.cli.CommandTree}; {@link
 * org.tokenformer.cli.Failures} turns each exception into one line and an exit code.
 */
@NullMarked
package org.tokenformer.cli;

import org.jspecify.annotations.NullMarked;
