package org.tokenformer.engine.grow;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.ParameterTokens;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.model.BlockPattention;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;

/**
 * ‖Wᵢ‖₂ of every parameter token that a model computes with, including attached ones: how much one
 * unit of its θ adds to the output.
 */
public final class ValueNorms {
  private final Map<String, float[]> byPattention;

  private ValueNorms(Map<String, float[]> byPattention) {
    this.byPattention = byPattention;
  }

  /** Computes the norms of a model's current weights. */
  public static ValueNorms of(TokenFormer model) {
    Map<String, float[]> norms = new HashMap<>();
    for (int layer = 0; layer < model.config().layers().size(); layer++) {
      for (BlockPattention which : BlockPattention.values()) {
        String name = TensorNames.pattention(layer, which);
        norms.put(name, of(model.backend(), model.parameterTokens(layer, which)));
      }
    }
    return new ValueNorms(norms);
  }

  private static float[] of(Backend backend, ParameterTokens tokens) {
    float[] norms = new float[Math.toIntExact(tokens.count())];
    int first = 0;
    for (ParameterTokens.Segment segment : tokens.segments()) {
      int rows = Math.toIntExact(segment.rows());
      float[] segmentNorms = ofRows(backend, segment.values().rows(0, rows));
      System.arraycopy(segmentNorms, 0, norms, first, rows);
      first += rows;
    }
    return norms;
  }

  private static float[] ofRows(Backend backend, Tensor matrix) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(matrix.byteSize(), 64);
      backend.download(matrix, data);
      MemorySegment floats = arena.allocate(matrix.shape().bytes(DType.F32), 64);
      FloatConversion.convert(matrix.dtype(), data, DType.F32, floats);
      float[] norms = new float[Math.toIntExact(matrix.rows())];
      for (int row = 0; row < norms.length; row++) {
        double sum = 0;
        for (long c = 0; c < matrix.columns(); c++) {
          double value = floats.getAtIndex(ValueLayout.JAVA_FLOAT, row * matrix.columns() + c);
          sum += value * value;
        }
        norms[row] = (float) Math.sqrt(sum);
      }
      return norms;
    }
  }

  /** Returns the norms of one Pattention, (N), by its name. */
  public float[] of(String pattention) {
    return Objects.requireNonNull(byPattention.get(pattention), pattention);
  }
}
