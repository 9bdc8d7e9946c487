package org.tokenformer.engine.model.training;

import java.util.ArrayList;
import java.util.List;
import org.tokenformer.engine.backend.Dropout;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.backend.SavedScores;
import org.tokenformer.engine.model.Activations;
import org.tokenformer.engine.model.Activations.Saved;
import org.tokenformer.engine.model.PerPattention;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * The activations that the blocks of a forward pass compute and save, including scores. If
 * activations are recomputed, all blocks share the memory of the largest one, except for their
 * inputs and outputs.
 */
final class LayerMemory {
  private interface Allocator {
    Tensor allocate(Shape shape);
  }

  private final TokenFormerConfig config;
  private final TrainingShape shape;
  private final Shape stream; // (T, C)
  private final Tensor branch; // (T, C), shared by all blocks
  private final List<Activations> activations = new ArrayList<>();

  LayerMemory(TokenFormerConfig config, TrainingShape shape, MemoryScope scope) {
    this.config = config;
    this.shape = shape;
    stream = Shape.of(shape.rows(), config.hiddenSize());
    branch = scope.allocate(DType.F32, stream);
    Allocator allocator = of -> scope.allocate(DType.F32, of);
    Tensor shared = shape.recompute() ? allocator.allocate(Shape.of(largestLayer())) : null;
    Tensor input = allocator.allocate(stream);
    for (LayerSizes sizes : config.layers()) {
      Tensor output = allocator.allocate(stream);
      Allocator own = shared == null ? allocator : new SharedSlices(shared)::allocate;
      activations.add(layer(sizes, input, output, own));
      input = output;
    }
  }

  /** Allocates the activations of a block in shared memory. */
  private static final class SharedSlices {
    private final Tensor whole;
    private long used;

    SharedSlices(Tensor whole) {
      this.whole = whole;
    }

    Tensor allocate(Shape shape) {
      Tensor next = whole.view(used / DType.F32.bytes(), shape);
      used += CountingMemoryScope.aligned(shape.bytes(DType.F32));
      return next;
    }
  }

  /** Returns the elements of the largest block's activations without its input and output. */
  private long largestLayer() {
    long largest = 0;
    for (LayerSizes sizes : config.layers()) {
      CountingMemoryScope counted = new CountingMemoryScope();
      layer(sizes, branch, branch, of -> counted.allocate(DType.F32, of));
      largest = Math.max(largest, counted.allocatedBytes());
    }
    return largest / DType.F32.bytes();
  }

  private Activations layer(LayerSizes sizes, Tensor input, Tensor output, Allocator allocator) {
    Shape logSums = Shape.of(shape.rows(), config.heads());
    return new Activations(
        input,
        allocator.allocate(stream),
        allocator.allocate(stream),
        allocator.allocate(stream),
        allocator.allocate(stream),
        allocator.allocate(stream),
        branch,
        allocator.allocate(stream),
        allocator.allocate(stream),
        output,
        new Saved(
            PerPattention.of(which -> scores(sizes.of(which), allocator)),
            allocator.allocate(logSums)));
  }

  private SavedScores scores(int parameterTokens, Allocator allocator) {
    Shape scores = SavedScores.shape(shape.rows(), parameterTokens);
    return new SavedScores(allocator.allocate(scores), Dropout.NONE);
  }

  /** Returns the activations of each block; its output is the next block's input. */
  List<Activations> activations() {
    return activations;
  }

  /** Returns the branch output, (T, C), which is free for reuse between two blocks. */
  Tensor branch() {
    return branch;
  }
}
