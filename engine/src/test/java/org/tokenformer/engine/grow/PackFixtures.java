package org.tokenformer.engine.grow;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.TokenSelection;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.testing.Models;

/** Base models, and grown ones whose new tokens were trained while all else was frozen. */
final class PackFixtures {
  private PackFixtures() {}

  /** Two layers; one τ is not the default. */
  static Path base(Path folder, Theta theta, DType dtype) throws IOException {
    TokenFormerConfig config =
        Models.config(theta, Models.config(theta).layers(), Map.of("layers.1.ffn", 5f));
    return Models.save(folder, config, dtype, 3);
  }

  static ModelFolder open(Path folder) throws IOException {
    return ModelFolder.open(folder, LoadMode.MAP);
  }

  /** The base with trained new tokens: F32 numbers from that seed. */
  static Path trained(Path base, Path target, String plan, long seed) throws IOException {
    Random random = new Random(seed);
    try (ModelFolder folder = open(base);
        Arena arena = Arena.ofConfined()) {
      Growth growth = Growth.of(folder.config(), GrowthPlan.parse(plan), GrowthInit.ZERO);
      Map<String, NamedTensor> grown =
          growth.weights(folder.tensors(), InitialValues.SCALED, seed, arena);
      List<NamedTensor> tensors = new ArrayList<>();
      for (NamedTensor tensor : grown.values()) {
        NamedTensor old = folder.tensors().get(tensor.name());
        long first = old == null ? 0 : old.shape().elements();
        tensors.add(changed(tensor, first, arena, _ -> (float) (0.5 * random.nextGaussian())));
      }
      ModelFolder.save(target, IfExists.REFUSE, growth.after(), tensors, tokenizer(base));
    }
    return target;
  }

  static Path tokenizer(Path folder) {
    return folder.resolve(ModelFolder.TOKENIZER_FILE);
  }

  /** An F32 copy whose elements differ from one index on. */
  static NamedTensor changed(
      NamedTensor tensor, long first, Arena arena, UnaryOperator<Float> change) {
    MemorySegment data = arena.allocate(tensor.shape().bytes(DType.F32), 64);
    FloatConversion.convert(tensor.dtype(), tensor.data(), DType.F32, data);
    for (long i = first; i < tensor.shape().elements(); i++) {
      float value = data.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, change.apply(value));
    }
    return new NamedTensor(tensor.name(), DType.F32, tensor.shape(), data);
  }

  /** A copy of a model in which the last element of one tensor differs. */
  static Path touched(Path model, Path target, String tensor) throws IOException {
    try (ModelFolder folder = open(model);
        Arena arena = Arena.ofConfined()) {
      List<NamedTensor> tensors = new ArrayList<>();
      for (NamedTensor each : folder.tensors().values()) {
        long last = each.shape().elements() - 1;
        boolean touch = each.name().equals(tensor);
        tensors.add(touch ? changed(each, last, arena, Math::nextUp) : each);
      }
      ModelFolder.save(target, IfExists.REFUSE, folder.config(), tensors, tokenizer(model));
    }
    return target;
  }

  /** A copy of a model with another configuration of the same shapes. */
  static Path configured(Path model, Path target, UnaryOperator<TokenFormerConfig> change)
      throws IOException {
    try (ModelFolder folder = open(model)) {
      List<NamedTensor> tensors = List.copyOf(folder.tensors().values());
      TokenFormerConfig config = change.apply(folder.config());
      ModelFolder.save(target, IfExists.REFUSE, config, tensors, tokenizer(model));
    }
    return target;
  }

  /** A model that contains only the fraction of another's tokens that is computed with. */
  static Path cut(Path model, Path target, TokenFraction fraction) throws IOException {
    try (ModelFolder folder = open(model)) {
      TokenFormerConfig config = new TokenSelection(fraction, List.of()).config(folder.config());
      List<NamedTensor> tensors = new ArrayList<>();
      TensorNames.shapes(config)
          .forEach((name, shape) -> {
            NamedTensor whole = Objects.requireNonNull(folder.tensors().get(name));
            DType dtype = whole.dtype();
            MemorySegment first = whole.data().asSlice(0, shape.bytes(dtype));
            tensors.add(new NamedTensor(name, dtype, shape, first));
          });
      ModelFolder.save(target, IfExists.REFUSE, config, tensors, tokenizer(model));
    }
    return target;
  }

  /** Saves what a model has in addition to its base. */
  static Path pack(Path base, Path grown, Path target) throws IOException {
    try (ModelFolder first = open(base);
        ModelFolder second = open(grown)) {
      long _ = PackWriter.save(first, second, Objects.toString(target.getFileName()), target);
    }
    return target;
  }
}
