/** The Java programs of README and {@code docs/}, as the pages show them. */
@NullMarked
package org.tokenformer.cli.docs;

import org.jspecify.annotations.NullMarked;
