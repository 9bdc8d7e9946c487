/**
 * The commands. They parse arguments and print results; all algorithms are in engine and tokenizer.
 * There is one class per command, created in {@link org.tokenformer.cli.CommandTree}; {@link
 * org.tokenformer.cli.Failures} turns exceptions into one-line messages and exit codes.
 */
@NullMarked
package org.tokenformer.cli;

import org.jspecify.annotations.NullMarked;
