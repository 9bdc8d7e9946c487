package org.tokenformer.engine.model.files;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.function.Function;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.ModelWeights;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.TokenSelection;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/** Puts the tensors of files into a backend's memory and makes a {@link TokenFormer} of them. */
public final class ModelLoader {
  private final Backend backend;
  private final MemoryScope scope;

  private ModelLoader(Backend backend, MemoryScope scope) {
    this.backend = backend;
    this.scope = scope;
  }

  /**
   * Loads an open folder, without a copy where the backend computes on mapped memory.
   *
   * @param folder is closed with the model, or at once if this fails
   * @throws ModelFormatException naming the tensor, if a weight is NaN or infinite
   */
  public static TokenFormer load(ModelFolder folder, Backend backend) throws IOException {
    return load(folder, TokenSelection.OWN, backend, () -> {});
  }

  /**
   * Loads an open folder to compute with some of its parameter tokens, or with others after them.
   *
   * @param folder is closed with the model, or at once if this fails
   * @param onClose runs when the memory of attached tokens is no longer in use, or at once if this
   *     fails
   * @throws ModelFormatException naming the tensor, if a weight is NaN or infinite
   */
  public static TokenFormer load(
      ModelFolder folder, TokenSelection tokens, Backend backend, Runnable onClose)
      throws IOException {
    Runnable closeAll =
        () -> {
          folder.close();
          onClose.run();
        };
    try {
      folder.refuseNotFinite();
      return load(folder.config(), folder.tensors(), tokens, backend, closeAll);
    } catch (IOException | RuntimeException | Error e) {
      closeAll.run();
      throw e;
    }
  }

  /**
   * A model of tensors in memory, without a copy where the backend can compute on them.
   *
   * @param tensors every one that {@link TensorNames#shapes} lists; their memory outlives the model
   * @param onClose runs when that memory is no longer in use, but not if this fails
   * @throws IllegalArgumentException naming a tensor that is missing
   */
  public static TokenFormer load(
      TokenFormerConfig config,
      Map<String, NamedTensor> tensors,
      Backend backend,
      Runnable onClose) {
    return load(config, tensors, TokenSelection.OWN, backend, onClose);
  }

  private static TokenFormer load(
      TokenFormerConfig own,
      Map<String, NamedTensor> tensors,
      TokenSelection tokens,
      Backend backend,
      Runnable onClose) {
    TokenFormerConfig config = tokens.config(own);
    return make(
        backend,
        loader -> {
          SequencedMap<String, Tensor> weights = new LinkedHashMap<>();
          TensorNames.shapes(own)
              .forEach((name, shape) -> weights.put(name, loader.view(tensors, name, shape)));
          List<Map<String, Tensor>> attached =
              tokens.attached().stream().map(loader::views).toList();
          return new ModelWeights(own, config, weights, tokens.prefix(), attached, Map.of());
        },
        onClose);
  }

  /**
   * A model of copies in F32 in the backend's own memory, which can be written.
   *
   * @param tensors of floats, every one that {@link TensorNames#shapes} lists; not needed after
   *     this
   * @param frozenRows how many rows of a weight, the first, training leaves as they are; by the
   *     weight's name, none where it is not there
   * @throws IllegalArgumentException naming a tensor that is missing
   */
  public static TokenFormer copy(
      TokenFormerConfig config,
      Map<String, NamedTensor> tensors,
      Backend backend,
      Map<String, Long> frozenRows) {
    return make(
        backend,
        loader -> {
          SequencedMap<String, Tensor> weights = new LinkedHashMap<>();
          TensorNames.shapes(config)
              .forEach((name, shape) -> weights.put(name, loader.copy(tensors, name, shape)));
          return new ModelWeights(
              config, config, weights, TokenFraction.ALL, List.of(), frozenRows);
        },
        () -> {});
  }

  private static TokenFormer make(
      Backend backend, Function<ModelLoader, ModelWeights> weights, Runnable onClose) {
    MemoryScope scope = backend.openScope();
    try {
      ModelLoader loader = new ModelLoader(backend, scope);
      return new TokenFormer(backend, scope, weights.apply(loader), onClose);
    } catch (RuntimeException | Error e) {
      scope.close();
      throw e;
    }
  }

  private Map<String, Tensor> views(Map<String, NamedTensor> tensors) {
    Map<String, Tensor> views = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> views.put(name, view(tensors, name, tensor.shape())));
    return views;
  }

  /** Matrices stay of the type that they have if it can be computed with; all else becomes F32. */
  private Tensor view(Map<String, NamedTensor> tensors, String name, Shape shape) {
    NamedTensor tensor = get(tensors, name);
    NamedTensor scales = tensors.get(QuantizedTensors.scales(name));
    if (scales != null) {
      DType type = Objects.requireNonNull(QuantizedTensors.type(tensor));
      return scope
          .adopt(tensor.data(), type, shape)
          .withScales(scope.adopt(scales.data(), scales.dtype(), scales.shape()));
    }
    boolean matrix = shape.rank() == 2;
    if (tensor.dtype() == DType.F32 || (tensor.dtype() == DType.BF16 && matrix)) {
      return scope.adopt(tensor.data(), tensor.dtype(), shape);
    }
    return copy(tensors, name, shape);
  }

  private Tensor copy(Map<String, NamedTensor> tensors, String name, Shape shape) {
    NamedTensor tensor = get(tensors, name);
    Tensor copy = scope.allocate(DType.F32, shape);
    if (tensor.dtype() == DType.F32) {
      backend.upload(tensor.data(), copy);
      return copy;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = arena.allocate(copy.byteSize(), 64);
      FloatConversion.convert(tensor.dtype(), tensor.data(), DType.F32, floats);
      backend.upload(floats, copy);
    }
    return copy;
  }

  private static NamedTensor get(Map<String, NamedTensor> tensors, String name) {
    NamedTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("tensor " + name + " is missing");
    }
    return tensor;
  }
}
