package org.tokenformer.bench;

import java.util.List;
import org.tokenformer.engine.backend.AdamW;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Dropout;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.ParameterGradients;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.backend.Sequence;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** The expensive operations of a backend, at the sizes of a model. */
public enum Kernel {
  /** One matrix product of the feed-forward Pattention. */
  PRODUCT {
    @Override
    Run on(Sizes sizes, Backend backend, MemoryScope scope) {
      Tensor x = Operands.random(backend, scope, sizes.tokens(), sizes.channels());
      Tensor keys = Operands.random(backend, scope, sizes.parameterTokens(), sizes.channels());
      Tensor out = zeros(scope, sizes.tokens(), sizes.parameterTokens());
      return new Run(() -> backend.logits(x, keys, out), out, sizes.product());
    }
  },
  /** The feed-forward Pattention: two products and Θ. */
  PATTENTION {
    @Override
    Run on(Sizes sizes, Backend backend, MemoryScope scope) {
      Tensor x = Operands.random(backend, scope, sizes.tokens(), sizes.channels());
      ParameterTokens tokens = parameterTokens(sizes, backend, scope);
      Tensor out = zeros(scope, sizes.tokens(), sizes.channels());
      return new Run(() -> backend.pattention(x, tokens, out), out, 2 * sizes.product());
    }
  },
  /** Its backward pass for input, keys and values. */
  PATTENTION_BACKWARD {
    @Override
    Run on(Sizes sizes, Backend backend, MemoryScope scope) {
      Tensor x = Operands.random(backend, scope, sizes.tokens(), sizes.channels());
      ParameterTokens tokens = parameterTokens(sizes, backend, scope);
      Tensor scores =
          scope.allocate(DType.F32, SavedScores.shape(sizes.tokens(), sizes.parameterTokens()));
      var saved = new SavedScores(scores, Dropout.NONE);
      Tensor out = zeros(scope, sizes.tokens(), sizes.channels());
      backend.pattention(x, tokens, saved, out);
      var gradients =
          new ParameterGradients(
              List.of(
                  new ParameterGradients.Segment(
                      zeros(scope, sizes.parameterTokens(), sizes.channels()),
                      zeros(scope, sizes.parameterTokens(), sizes.channels()))));
      Tensor dx = zeros(scope, sizes.tokens(), sizes.channels());
      return new Run(
          () -> backend.pattentionBackward(x, tokens, saved, out, gradients, dx),
          dx,
          4 * sizes.product());
    }
  },
  /** Causal attention of one sequence. */
  ATTENTION {
    @Override
    Run on(Sizes sizes, Backend backend, MemoryScope scope) {
      Tensor query = Operands.random(backend, scope, sizes.tokens(), sizes.channels());
      Tensor out = zeros(scope, sizes.tokens(), sizes.channels());
      List<Sequence> whole = List.of(new Sequence(sizes.tokens(), 0, null));
      return new Run(
          () -> backend.attention(query, query, query, sizes.heads(), 0, whole, out),
          out,
          sizes.attention());
    }
  },
  /** Backward pass of causal attention. */
  ATTENTION_BACKWARD {
    @Override
    Run on(Sizes sizes, Backend backend, MemoryScope scope) {
      Tensor query = Operands.random(backend, scope, sizes.tokens(), sizes.channels());
      Tensor out = zeros(scope, sizes.tokens(), sizes.channels());
      Tensor sums = zeros(scope, sizes.tokens(), sizes.heads());
      List<Sequence> whole = List.of(new Sequence(sizes.tokens(), 0, null));
      backend.attention(query, query, query, sizes.heads(), 0, whole, sums, out);
      Tensor dq = zeros(scope, sizes.tokens(), sizes.channels());
      Tensor dk = zeros(scope, sizes.tokens(), sizes.channels());
      Tensor dv = zeros(scope, sizes.tokens(), sizes.channels());
      return new Run(
          () ->
              backend.attentionBackward(
                  query, query, query, sizes.heads(), whole, sums, out, out, dq, dk, dv),
          dv,
          2.5 * sizes.attention());
    }
  },
  /** Layer normalisation. */
  LAYER_NORM {
    @Override
    Run on(Sizes sizes, Backend backend, MemoryScope scope) {
      Tensor x = Operands.random(backend, scope, sizes.tokens(), sizes.channels());
      Tensor out = zeros(scope, sizes.tokens(), sizes.channels());
      return new Run(() -> backend.layerNorm(x, null, null, 1e-5f, out), out, 0);
    }
  },
  /** Backward pass of a product with an embedding table, for input and table. */
  LOGITS_BACKWARD {
    @Override
    Run on(Sizes sizes, Backend backend, MemoryScope scope) {
      Tensor x = Operands.random(backend, scope, sizes.tokens(), sizes.channels());
      Tensor table = Operands.random(backend, scope, sizes.parameterTokens(), sizes.channels());
      Tensor out = Operands.random(backend, scope, sizes.tokens(), sizes.parameterTokens());
      Tensor dx = zeros(scope, sizes.tokens(), sizes.channels());
      Tensor dTable = zeros(scope, sizes.parameterTokens(), sizes.channels());
      return new Run(
          () -> backend.logitsBackward(x, table, out, dx, dTable), dTable, 2 * sizes.product());
    }
  },
  /** Cross-entropy of logits. */
  CROSS_ENTROPY {
    @Override
    Run on(Sizes sizes, Backend backend, MemoryScope scope) {
      Tensor logits = Operands.random(backend, scope, sizes.tokens(), sizes.parameterTokens());
      Tensor losses = scope.allocate(DType.F32, Shape.of(sizes.tokens()));
      int[] targets = new int[sizes.tokens()];
      return new Run(() -> backend.crossEntropy(logits, targets, 0, losses), losses, 0);
    }
  },
  /** A step of the optimiser. */
  ADAMW {
    @Override
    Run on(Sizes sizes, Backend backend, MemoryScope scope) {
      Tensor weights = Operands.random(backend, scope, sizes.parameterTokens(), sizes.channels());
      Tensor gradient = Operands.random(backend, scope, sizes.parameterTokens(), sizes.channels());
      Tensor first = zeros(scope, sizes.parameterTokens(), sizes.channels());
      Tensor second = zeros(scope, sizes.parameterTokens(), sizes.channels());
      var step = new AdamW(1e-4f, 0.9f, 0.95f, 1e-8f, 0.1f, 1, 1);
      return new Run(() -> backend.adamw(step, weights, gradient, first, second), weights, 0);
    }
  };

  /**
   * The sizes of the operands.
   *
   * @param tokens T, in flight
   * @param parameterTokens N, also the vocabulary size of logits
   */
  record Sizes(int tokens, int channels, int parameterTokens, int heads) {
    /** Returns the floating-point operations of x·Kᵀ. */
    double product() {
      return 2.0 * tokens * channels * parameterTokens;
    }

    /** Returns those of causal attention, in which a query sees half of the keys on average. */
    double attention() {
      return 2.0 * tokens * (tokens + 1.0) * channels;
    }
  }

  /**
   * An operation with its operands.
   *
   * @param result the tensor that it writes or adds to
   * @param flops floating-point operations of its products, 0 if it has none
   */
  record Run(Runnable run, Tensor result, double flops) {}

  /** Creates operands with the same numbers on every backend. */
  abstract Run on(Sizes sizes, Backend backend, MemoryScope scope);

  private static Tensor zeros(MemoryScope scope, long rows, long columns) {
    return scope.allocate(DType.F32, Shape.of(rows, columns));
  }

  private static ParameterTokens parameterTokens(Sizes sizes, Backend backend, MemoryScope scope) {
    Tensor keys = Operands.random(backend, scope, sizes.parameterTokens(), sizes.channels());
    float tau = Theta.L2_NORM_GELU.defaultTau(sizes.parameterTokens());
    return ParameterTokens.of(Theta.L2_NORM_GELU, tau, keys, keys);
  }
}
