package org.tokenformer.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;

/** The five Pattentions of a block: their names in files, their sizes, and values for each. */
final class BlockPattentionTest {
  @Test
  void tensorNamesContainTheirNames() {
    List<String> names =
        Stream.of(BlockPattention.values()).map(which -> TensorNames.pattention(3, which)).toList();
    assertEquals(
        List.of(
            "layers.3.attention.query",
            "layers.3.attention.key",
            "layers.3.attention.value",
            "layers.3.attention.proj",
            "layers.3.ffn"),
        names);
  }

  @Test
  void eachHasTheSizeOfItsGroup() {
    LayerSizes sizes = new LayerSizes(7, 8, 9);
    assertEquals(new PerPattention<>(7, 7, 7, 8, 9), PerPattention.of(sizes::of));
    assertEquals(new LayerSizes(1, 8, 9), sizes.with(SizeGroup.QKV, 1));
    assertEquals(new LayerSizes(7, 1, 9), sizes.with(SizeGroup.PROJ, 1));
    assertEquals(new LayerSizes(7, 8, 1), sizes.with(SizeGroup.FFN, 1));
    assertEquals(List.of("qkv", "proj", "ffn"), texts(SizeGroup.values()));
  }

  private static List<String> texts(SizeGroup... groups) {
    return Stream.of(groups).map(SizeGroup::toString).toList();
  }

  @Test
  void valuesAreCreatedInOrderAndLookedUp() {
    List<BlockPattention> made = new ArrayList<>();
    PerPattention<BlockPattention> all =
        PerPattention.of(which -> {
          made.add(which);
          return which;
        });
    assertEquals(List.of(BlockPattention.values()), made);
    for (BlockPattention which : BlockPattention.values()) {
      assertEquals(which, all.get(which));
      assertEquals(which.toString(), all.map(BlockPattention::toString).get(which));
    }
  }
}
