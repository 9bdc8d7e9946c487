/**
 * What the runs of {@code bench/growth/study.sh} say: their numbers in files that are small enough
 * to keep, and tables and charts of those. Knows the files of runs, nothing of models.
 */
@NullMarked
package org.tokenformer.bench.growth;

import org.jspecify.annotations.NullMarked;
