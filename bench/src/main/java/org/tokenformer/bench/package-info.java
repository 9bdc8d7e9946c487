/**
 * JMH benchmarks at the sizes of model presets; the machine's ceilings are printed first. Not
 * null-marked: JMH fills the fields.
 */
package org.tokenformer.bench;
