package org.tokenformer.cli.explain;

/** Where the parameter tokens of a model come from. */
@FunctionalInterface
public interface Origins {
  /**
   * In which step of growth a parameter token came in, 0 for those that were there first.
   *
   * @param which of {@link org.tokenformer.engine.model.TensorNames#PATTENTIONS}
   * @param index of the parameter token in its Pattention
   */
  int stageOf(int layer, String which, int index);
}
