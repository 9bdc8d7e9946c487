package org.tokenformer.engine.model;

import org.tokenformer.engine.backend.Backend;

/**
 * Multi-head causal attention whose four projections are Pattentions (paper, equation 6).
 *
 * @param heads H
 * @param layer its layer in the KV caches
 */
public record SelfAttention(
    Pattention query,
    Pattention key,
    Pattention value,
    Pattention projection,
    int heads,
    int layer) {
  /** Computes {@code a.branch()} from {@code a.normed()}, both (T, C). */
  void forward(PassContext pass, Activations a) {
    Backend backend = pass.backend();
    query.forward(backend, a.normed(), a.scores(BlockPattention.QUERY), a.query());
    key.forward(backend, a.normed(), a.scores(BlockPattention.KEY), a.key());
    value.forward(backend, a.normed(), a.scores(BlockPattention.VALUE), a.value());
    backend.rotary(a.query(), heads, pass.rotary(), pass.sequences());
    backend.rotary(a.key(), heads, pass.rotary(), pass.sequences());
    backend.attention(
        a.query(), a.key(), a.value(), heads, layer, pass.sequences(), a.logSums(), a.attended());
    projection.forward(backend, a.attended(), a.scores(BlockPattention.PROJECTION), a.branch());
  }
}
