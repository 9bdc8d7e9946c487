package org.tokenformer.engine.model;

/** The five Pattentions of a block, in the order in which they are computed. */
public enum BlockPattention {
  /** What a token looks for. */
  QUERY("attention.query", SizeGroup.QKV),
  /** What a token is found by. */
  KEY("attention.key", SizeGroup.QKV),
  /** What is taken from a token that is found. */
  VALUE("attention.value", SizeGroup.QKV),
  /** What becomes of all that was found. */
  PROJECTION("attention.proj", SizeGroup.PROJ),
  /** The feed-forward network. */
  FFN("ffn", SizeGroup.FFN);

  private final String name;
  private final SizeGroup group;

  BlockPattention(String name, SizeGroup group) {
    this.name = name;
    this.group = group;
  }

  /** Those that have as many parameter tokens as it. */
  public SizeGroup group() {
    return group;
  }

  /** As the names of tensors call it within a layer: {@code attention.query}. */
  @Override
  public String toString() {
    return name;
  }
}
