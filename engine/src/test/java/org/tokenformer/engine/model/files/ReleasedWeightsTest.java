package org.tokenformer.engine.model.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.TorchCheckpointWriter;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** The names that wrappers of training programs give to tensors. */
class ReleasedWeightsTest {
  private static final String EMBEDDING = "sequential.0.word_embeddings.weight";
  private static final String MLP = "sequential.2.mlp.key_param_tokens";

  @TempDir Path folder;

  private Path write(String... names) throws IOException {
    Path file = folder.resolve("x.bin");
    List<NamedTensor> tensors =
        Arrays.stream(names)
            .map(name ->
                new NamedTensor(name, DType.U8, Shape.of(1), MemorySegment.ofArray(new byte[] {7})))
            .toList();
    TorchCheckpointWriter.write(file, tensors);
    return file;
  }

  @ParameterizedTest
  @CsvSource(
      value = {
        "module.|'module.'",
        "_orig_mod.|'_orig_mod.'",
        "model.module.|'model.module.'",
        "_orig_mod.module.|'_orig_mod.' and 'module.'",
        "module._orig_mod.|'_orig_mod.' and 'module.'",
        "_fsdp_wrapped_module.|'_fsdp_wrapped_module.'"
      },
      delimiter = '|',
      quoteCharacter = '`')
  void takesOffACommonPrefix(String prefix, String said) throws IOException {
    try (ReleasedWeights weights = ReleasedWeights.open(write(prefix + EMBEDDING, prefix + MLP))) {
      assertEquals(Set.of(EMBEDDING, MLP), weights.index().keySet());
      assertEquals(List.of("removed " + said + " from the names of 2 tensors"), weights.notes());
      assertEquals(MLP, weights.load(List.of(MLP)).values().iterator().next().name());
    }
  }

  @Test
  void takesOffWrappersInsideNames() throws IOException {
    Path file =
        write(
            EMBEDDING,
            "sequential.2._orig_mod.mlp.key_param_tokens",
            "sequential.3.mlp._checkpoint_wrapped_module.key_param_tokens");
    try (ReleasedWeights weights = ReleasedWeights.open(file)) {
      assertEquals(
          Set.of(EMBEDDING, MLP, "sequential.3.mlp.key_param_tokens"), weights.index().keySet());
      assertEquals(
          List.of(
              "removed '_orig_mod.' and '_checkpoint_wrapped_module.' from the names of 2 tensors"),
          weights.notes());
    }
  }

  @Test
  void leavesOtherNamesAlone() throws IOException {
    try (ReleasedWeights weights = ReleasedWeights.open(write(EMBEDDING, "module." + MLP))) {
      assertEquals(Set.of(EMBEDDING, "module." + MLP), weights.index().keySet());
      assertEquals(List.of(), weights.notes());
    }
    try (ReleasedWeights weights = ReleasedWeights.open(write("model." + EMBEDDING, "loss.x"))) {
      assertEquals(Set.of(EMBEDDING, "loss.x"), weights.index().keySet());
    }
    try (ReleasedWeights weights = ReleasedWeights.open(write("x" + EMBEDDING))) {
      assertEquals(Set.of("x" + EMBEDDING), weights.index().keySet());
    }
  }

  @Test
  void refusesAChoice() throws IOException {
    refuses(write("ema." + EMBEDDING, "model." + EMBEDDING), "'ema.' and 'model.'");
    refuses(write(EMBEDDING, "_orig_mod." + EMBEDDING), "'" + EMBEDDING + "'", "same name");
  }

  private static void refuses(Path file, String... parts) {
    String message =
        String.valueOf(
            assertThrows(ModelFormatException.class, () -> ReleasedWeights.open(file).close())
                .getMessage());
    for (String part : parts) {
      assertTrue(message.startsWith(file + ": ") && message.contains(part), message);
    }
  }
}
