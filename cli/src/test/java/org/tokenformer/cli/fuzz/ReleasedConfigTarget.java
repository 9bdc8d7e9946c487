package org.tokenformer.cli.fuzz;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.tokenformer.cli.FuzzAccess;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.TensorNames;
import org.tokenformer.engine.model.files.ReleasedLayout;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** The YAML configuration of a released checkpoint. */
final class ReleasedConfigTarget implements FuzzTarget {
  private static final int IDS = 512;

  private final Path file;
  private final Map<String, NamedTensor> tensors;

  ReleasedConfigTarget(Path scratch) {
    file = scratch.resolve("config.yml");
    Shape shape = Shape.of(IDS, 48);
    MemorySegment data = MemorySegment.ofArray(new byte[(int) shape.bytes(DType.F32)]);
    String name = "sequential.0.word_embeddings.weight";
    tensors = Map.of(name, new NamedTensor(name, DType.F32, shape, data));
  }

  @Override
  public void read(byte[] bytes) throws IOException {
    Files.write(file, bytes);
    var settings = FuzzAccess.releasedConfig(file);
    TensorNames.shapes(ReleasedLayout.config(file, settings, file, tensors, IDS));
  }

  @Override
  public List<byte[]> seeds() throws IOException {
    List<byte[]> seeds = new ArrayList<>(Samples.files("goldens/untied-full-rotary", "config.yml"));
    String block =
        """
        num_layers: 2
        hidden_size: 0x30
        num_attention_heads: 3
        qkv_slot_num: 3
        proj_slot_num: 4 # comment
        ffn-slot-num: 5
        seq_length: 128
        pos_emb: 'rotary'
        rotary_pct: .5
        rotary_emb_base: 1e4
        no_weight_tying: True
        norm: "layernorm_nonparam"
        final_norm: layernorm
        use_bias_in_attn_linear: false
        attention_config: [[["tokenformer"], 2]]
        norm_activation_type: |-
          l2_norm_gelu
        other: None
        list:
          - a
          - ~
        """;
    seeds.add(block.getBytes(UTF_8));
    return seeds;
  }
}
