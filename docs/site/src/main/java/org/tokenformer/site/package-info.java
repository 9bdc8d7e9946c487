/**
 * The documentation site: Markdown pages and Javadoc become {@code target/site}, and every link is
 * checked, in the Markdown as GitHub follows it and in the HTML as a browser does.
 */
@NullMarked
package org.tokenformer.site;

import org.jspecify.annotations.NullMarked;
