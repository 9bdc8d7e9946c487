/** The programs of the README's section "In a program", as it shows them. */
@NullMarked
package org.tokenformer.cli.readme;

import org.jspecify.annotations.NullMarked;
