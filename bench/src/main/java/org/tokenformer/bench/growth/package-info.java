/**
 * The evaluation of {@code bench/growth/study.sh}: collects the results of its runs in small files
 * and writes tables and charts from them. Depends on the files of runs, not on models.
 */
@NullMarked
package org.tokenformer.bench.growth;

import org.jspecify.annotations.NullMarked;
