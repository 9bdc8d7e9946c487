/**
 * JMH benchmarks, with shapes named after the part of the model that they come from and the
 * machine's ceilings printed before. Not null-marked: JMH fills the fields.
 */
package org.tokenformer.bench;
