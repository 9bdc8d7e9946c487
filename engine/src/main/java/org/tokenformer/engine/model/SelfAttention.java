package org.tokenformer.engine.model;

import org.tokenformer.engine.backend.Backend;

/**
 * Multi-head causal attention whose four projections are Pattentions (paper, equation 6).
 *
 * @param heads H
 * @param layer which layer of the caches is its own
 */
public record SelfAttention(
    Pattention query,
    Pattention key,
    Pattention value,
    Pattention projection,
    int heads,
    int layer) {
  /** From {@code step.normed()} to {@code step.branch()}, both (T, C). */
  void forward(Step step) {
    Backend backend = step.backend();
    query.forward(backend, step.normed(), step.query());
    key.forward(backend, step.normed(), step.key());
    value.forward(backend, step.normed(), step.value());
    backend.rotary(step.query(), heads, step.rotary(), step.sequences());
    backend.rotary(step.key(), heads, step.rotary(), step.sequences());
    backend.attention(
        step.query(), step.key(), step.value(), heads, layer, step.sequences(), step.attended());
    projection.forward(backend, step.attended(), step.branch());
  }
}
