package org.tokenformer.engine.model.training;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;

/**
 * A model whose weights, or only the newest of them, can be trained. The weights are F32 copies in
 * the backend's own memory. Closing it closes the model.
 */
public final class TrainableModel implements AutoCloseable {
  private final TokenFormer model;
  private final TrainedWeights trained;

  /**
   * Creates a model with these initial weights.
   *
   * @param initial every tensor that {@link TensorNames#shapes} lists, of a float type; not needed
   *     afterwards
   * @param onlyNew whether only the parameter tokens of the last growth are trained
   * @throws ConfigException if so but the model never grew
   */
  public TrainableModel(
      TokenFormerConfig config,
      Map<String, NamedTensor> initial,
      Backend backend,
      boolean onlyNew) {
    trained = new TrainedWeights(config, onlyNew);
    model = ModelLoader.copy(config, initial, backend, trained.firstRows());
  }

  /** Creates a model with these initial weights, all of which are trained. */
  public TrainableModel(
      TokenFormerConfig config, Map<String, NamedTensor> initial, Backend backend) {
    this(config, initial, backend, false);
  }

  /**
   * Loads the model of a folder to continue training it.
   *
   * @param folder may be closed afterwards
   * @param onlyNew whether only the parameter tokens of the last growth are trained
   * @throws ModelFormatException naming the tensor, if a weight is NaN or infinite, or if the
   *     weights are quantised
   * @throws ConfigException if only new tokens are to be trained but the model never grew
   */
  public static TrainableModel load(ModelFolder folder, Backend backend, boolean onlyNew)
      throws IOException {
    folder.refuseNotFinite();
    return new TrainableModel(folder.config(), folder.floatTensors(), backend, onlyNew);
  }

  /** Returns the model itself, with its current weights. */
  public TokenFormer model() {
    return model;
  }

  /** Returns the configuration. */
  public TokenFormerConfig config() {
    return model.config();
  }

  /** Returns the backend that it computes on. */
  public Backend backend() {
    return model.backend();
  }

  TrainedWeights trained() {
    return trained;
  }

  /**
   * Returns the weights that training changes, by name, in the order of the file: views of {@link
   * TokenFormer#weights}, of all their rows or of those that the last growth added.
   */
  public SequencedMap<String, Tensor> trainedWeights() {
    SequencedMap<String, Tensor> views = new LinkedHashMap<>();
    trained
        .shapes()
        .forEach((name, shape) -> {
          Tensor whole = Objects.requireNonNull(model.weights().get(name));
          long first = trained.firstRow(name);
          views.put(name, first == 0 ? whole : whole.rows(first, shape.size(0)));
        });
    return views;
  }

  /** Returns whether training changes only the parameter tokens of the last growth. */
  public boolean trainsOnlyNew() {
    return trained.onlyNew();
  }

  /**
   * Returns the elements of the trained matrices that a step multiplies by; a table that is only
   * looked up does not count.
   *
   * @param fraction fraction of each Pattention's tokens, a prefix, that the step uses
   */
  public long multipliedWeights(TokenFraction fraction) {
    long sum = 0;
    for (Map.Entry<String, Shape> entry : trained.shapes().entrySet()) {
      String name = entry.getKey();
      Shape shape = entry.getValue();
      if (TensorNames.isParameterTokens(name)) {
        long first = trained.firstRow(name);
        long used = fraction.of(Math.toIntExact(first + shape.size(0)));
        sum += Math.max(0, used - first) * shape.size(1);
      } else if (shape.rank() == 2 && (config().tiedHead() || name.equals(TensorNames.HEAD))) {
        sum += shape.elements();
      }
    }
    return sum;
  }

  @Override
  public void close() {
    model.close();
  }
}
