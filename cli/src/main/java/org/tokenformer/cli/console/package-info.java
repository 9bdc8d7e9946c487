/**
 * Input and output of the program: strict UTF-8, progress on standard error, and the exception for
 * user errors. It depends on neither commands nor models.
 */
@NullMarked
package org.tokenformer.cli.console;

import org.jspecify.annotations.NullMarked;
