package org.tokenformer.engine.testing;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.Theta;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.generate.Generation;
import org.tokenformer.engine.generate.GenerationOptions;
import org.tokenformer.engine.generate.SamplingOptions;
import org.tokenformer.engine.grow.GrowthInit;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFormerConfig.LayerSizes;
import org.tokenformer.engine.model.files.ConvertedWeights;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.testing.GoldenCase.Computing;
import org.tokenformer.engine.train.GrowthOptions;
import org.tokenformer.engine.train.OptimizerOptions;
import org.tokenformer.engine.train.Schedule;
import org.tokenformer.engine.train.TokenSource;
import org.tokenformer.engine.train.Trainer;
import org.tokenformer.engine.train.TrainingOptions;

/**
 * Prints one hash per line of what the engine computes. Run it before and after a change that must
 * leave results bit-identical, on the same machine, and compare. Not a test, since the bits depend
 * on the processor's vector width and on its exponential function.
 */
final class BitHashes {
  private static final int TRAINING_STEPS = 20;

  private BitHashes() {}

  /** Takes the storyteller's model folder as the only argument. */
  public static void main(String[] args) throws IOException {
    for (Computing computing : Computing.values()) {
      goldens(computing);
      storyteller(Path.of(args[0]), computing);
      training(computing);
    }
  }

  private static void goldens(Computing computing) {
    for (GoldenCase golden : GoldenCase.all()) {
      try (Backend backend = computing.open();
          TokenFormer model = golden.open(backend)) {
        Hash hash = new Hash();
        for (int[] ids : golden.ids()) {
          allLogits(model, ids, hash);
        }
        print(computing, "logits of " + golden.name(), hash);
      }
    }
  }

  private static void storyteller(Path path, Computing computing) throws IOException {
    int[] ids = new Random(1).ints(150, 0, 4096).toArray();
    for (WeightType type : WeightType.values()) {
      try (Backend backend = computing.open();
          ModelFolder folder = ModelFolder.open(path, LoadMode.MAP);
          var weights = new ConvertedWeights(folder.config(), folder.tensors(), type);
          TokenFormer model =
              ModelLoader.load(folder.config(), weights.byName(), backend, () -> {})) {
        Hash hash = new Hash();
        allLogits(model, ids, hash);
        print(computing, "storyteller " + type + ", all logits", hash);
        hash = new Hash();
        steps(model, DType.F32, ids, hash);
        steps(model, DType.BF16, ids, hash);
        print(computing, "storyteller " + type + ", prefill, decode, step", hash);
        if (type == WeightType.F32) {
          texts(model, computing);
        }
      }
    }
  }

  private static void allLogits(TokenFormer model, int[] ids, Hash hash) {
    try (Session session = model.newSession()) {
      session.logits(ids, (_, logits) -> hash.add(model.backend(), logits), null);
    }
  }

  /** Hashes prompts of several lengths, then steps of one id, for each session and together. */
  private static void steps(TokenFormer model, DType cache, int[] ids, Hash hash) {
    Backend backend = model.backend();
    int context = model.config().contextLength();
    try (Session first = model.newSession(context, cache);
        Session second = model.newSession(context, cache)) {
      hash.add(backend, first.prefill(Arrays.copyOf(ids, 130)));
      hash.add(backend, second.prefill(Arrays.copyOf(ids, 7)));
      for (int i = 0; i < 5; i++) {
        hash.add(backend, first.decode(ids[i]));
        hash.add(backend, second.decode(ids[i]));
      }
      try (Session fork = first.fork()) {
        for (int i = 0; i < 3; i++) {
          int[] next = Arrays.copyOfRange(ids, i, i + 3);
          hash.add(backend, model.step(List.of(first, second, fork), next));
        }
      }
      first.truncate(100);
      hash.add(backend, first.decode(3));
    }
  }

  private static void texts(TokenFormer model, Computing computing) {
    for (int seed = 1; seed <= 3; seed++) {
      GenerationOptions options =
          GenerationOptions.of(40).sampledBy(SamplingOptions.defaults().withSeed(seed));
      Hash hash = new Hash();
      try (Session session = model.newSession()) {
        Generation.run(
            session,
            new int[] {5, 300, 1000, 17},
            options,
            id -> {
              hash.add(id);
              return true;
            },
            null);
      }
      print(computing, "text of seed " + seed, hash);
    }
  }

  private static void training(Computing computing) {
    List<LayerSizes> layers = List.of(new LayerSizes(24, 24, 48), new LayerSizes(24, 24, 48));
    TokenFormerConfig config = Models.config(Theta.L2_NORM_GELU, layers, Map.of());
    GrowthOptions growth =
        new GrowthOptions(
            List.of(GrowthOptions.Stage.parse("8:ffn=64,qkv=32,layers=3")),
            GrowthInit.ZERO,
            InitialValues.SCALED,
            4,
            false);
    TrainingOptions options =
        new TrainingOptions(
            new Schedule(TRAINING_STEPS, 3, 1e-3, 1e-4),
            new TrainingShape(2, 33, false),
            2,
            OptimizerOptions.defaults(),
            0.1,
            0.5,
            7,
            growth);
    try (Backend backend = computing.open();
        Arena arena = Arena.ofConfined();
        Trainer trainer =
            new Trainer(
                new TrainableModel(
                    config,
                    Models.byName(Models.weights(config, DType.F32, 0.2, new Random(3), arena)),
                    backend),
                ids(),
                options)) {
      Hash hash = new Hash();
      for (int i = 0; i < TRAINING_STEPS; i++) {
        hash.add(Double.doubleToRawLongBits(trainer.step(null).loss()));
      }
      trainer.model().weights().values().forEach(tensor -> hash.add(backend, tensor));
      print(computing, TRAINING_STEPS + " steps of training", hash);
    }
  }

  private static TokenSource ids() {
    int[] ids = new int[5000];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = (int) (((long) i * i + i / 7) % Models.IDS);
    }
    return TokenSource.of(ids);
  }

  private static void print(Computing computing, String what, Hash hash) {
    System.out.println(hash.hex() + "  " + computing + ": " + what);
  }

  private static final class Hash {
    private final MessageDigest digest;

    Hash() {
      try {
        digest = MessageDigest.getInstance("SHA-256");
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException(e);
      }
    }

    void add(long number) {
      digest.update(ByteBuffer.allocate(Long.BYTES).putLong(number).flip());
    }

    void add(Backend backend, Tensor tensor) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment bytes = arena.allocate(tensor.byteSize(), 8);
        backend.download(tensor, bytes);
        digest.update(bytes.toArray(ValueLayout.JAVA_BYTE));
      }
    }

    String hex() {
      return HexFormat.of().formatHex(digest.digest(), 0, 16);
    }
  }
}
