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

/**
 * Loads the tensors of files into a backend's memory and creates a {@link TokenFormer} from them.
 */
public final class ModelLoader {
  private final Backend backend;
  private final MemoryScope scope;

  private ModelLoader(Backend backend, MemoryScope scope) {
    this.backend = backend;
    this.scope = scope;
  }

  /**
   * Loads an open folder, without a copy if the backend computes on mapped memory.
   *
   * @param folder is closed with the model, or immediately if this fails
   * @throws ModelFormatException naming the tensor, if a weight is NaN or infinite
   */
  public static TokenFormer load(ModelFolder folder, Backend backend) throws IOException {
    return load(folder, TokenSelection.OWN, backend, () -> {});
  }

  /**
   * Loads an open folder to compute with a selection of its parameter tokens, or with attached ones
   * after them.
   *
   * @param folder is closed with the model, or immediately if this fails
   * @param onClose runs when the memory of attached tokens is no longer in use, or immediately if
   *     this fails
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
   * Creates a model from tensors in memory, without a copy if the backend can compute on them.
   *
   * @param tensors all that {@link TensorNames#shapes} lists; their memory must outlive the model
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
   * Creates a model from F32 copies in the backend's own memory, which is writable.
   *
   * @param tensors floating-point tensors, all that {@link TensorNames#shapes} lists; not needed
   *     afterwards
   * @param frozenRows by weight name, the number of leading rows that training leaves unchanged;
   *     none if the name is absent
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

  /** Keeps the type of a matrix if the backend can compute with it; all else becomes F32. */
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
