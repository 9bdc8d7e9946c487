/**
 * How the program talks to its surroundings: strict UTF-8 in and out, progress on standard error,
 * and the exception for errors that the user can mend. Knows no command and no model.
 */
@NullMarked
package org.tokenformer.cli.console;

import org.jspecify.annotations.NullMarked;
