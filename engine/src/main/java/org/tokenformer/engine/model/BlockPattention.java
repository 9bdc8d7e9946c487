package org.tokenformer.engine.model;

/** The five Pattentions of a block, in the order in which they are computed. */
public enum BlockPattention {
  /** The projection to queries. */
  QUERY("attention.query", SizeGroup.QKV),
  /** The projection to keys. */
  KEY("attention.key", SizeGroup.QKV),
  /** The projection to values. */
  VALUE("attention.value", SizeGroup.QKV),
  /** The output projection of the attention. */
  PROJECTION("attention.proj", SizeGroup.PROJ),
  /** The feed-forward network. */
  FFN("ffn", SizeGroup.FFN);

  private final String name;
  private final SizeGroup group;

  BlockPattention(String name, SizeGroup group) {
    this.name = name;
    this.group = group;
  }

  /** Returns the group of Pattentions that have the same number of parameter tokens. */
  public SizeGroup group() {
    return group;
  }

  /** Returns its name in the names of tensors, such as {@code attention.query}. */
  @Override
  public String toString() {
    return name;
  }
}
