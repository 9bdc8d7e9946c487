/** JMH benchmarks of the kernels, named after the part of the model that each shape comes from. */
@NullMarked
package org.tokenformer.bench;

import org.jspecify.annotations.NullMarked;
