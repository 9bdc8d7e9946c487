package org.tokenformer.bench.peers;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.tokenformer.bench.Operands;
import org.tokenformer.engine.backend.Backend;
import org.tokenformer.engine.backend.MemoryScope;
import org.tokenformer.engine.measure.Machine;
import org.tokenformer.engine.measure.Throughput;
import org.tokenformer.engine.model.Presets;
import org.tokenformer.engine.model.Runner;
import org.tokenformer.engine.model.Session;
import org.tokenformer.engine.model.TokenFormer;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.files.ModelLoader;
import org.tokenformer.engine.model.files.WeightType;
import org.tokenformer.engine.model.training.InitialValues;
import org.tokenformer.engine.model.training.RandomWeights;
import org.tokenformer.engine.model.training.TrainableModel;
import org.tokenformer.engine.model.training.TrainingShape;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;
import org.tokenformer.engine.tensor.Tensor;
import org.tokenformer.engine.train.Trainer;
import org.tokenformer.tokenizer.Tokenizer;

/** The workloads of {@link Turns}. */
final class Workloads {
  private static final String DOCUMENT_END = "\n<|endoftext|>\n";
  private static final int WARM_UP_STEPS = 3;

  private Workloads() {}

  static Turns.Work of(String[] args) throws IOException {
    return switch (args[0]) {
      case "ceilings" -> ceilings(Integer.parseInt(args[1]));
      case "gemm" -> new Gemm(backend(args[1]));
      case "encode" -> new Encode(Path.of(args[1]), Path.of(args[2]));
      case "train" ->
          new Train(
              Presets.get(args[1]),
              new TrainingShape(
                  Integer.parseInt(args[2]), Integer.parseInt(args[3]), recompute(args)),
              backend(args[4]));
      case "prefill", "decode", "batch", "ragged" ->
          new Run(
              args[0],
              Presets.get(args[1]),
              WeightType.valueOf(args[2].toUpperCase(Locale.ROOT)),
              backend(args[3]));
      default -> throw new IllegalArgumentException("unknown workload " + args[0]);
    };
  }

  private static boolean recompute(String[] train) {
    return train.length > 5 && train[5].equals("recompute");
  }

  private static Backend backend(String threads) {
    return Operands.open("vector", Integer.parseInt(threads));
  }

  /** Measures the machine's current operations and bytes per second. */
  private static Turns.Work ceilings(int threads) {
    return _ -> {
      Machine.Ceilings now = Machine.measure(threads);
      return now.flops() + " " + now.bytesPerSecond();
    };
  }

  /** C = A·Bᵀ with A (M, K) and B (N, K), computed by the kernel for logits. */
  private static final class Gemm implements Turns.Work {
    private final Backend backend;
    private final MemoryScope scope;
    private final Map<String, List<Tensor>> operands = new HashMap<>();

    Gemm(Backend backend) {
      this.backend = backend;
      scope = backend.openScope();
    }

    @Override
    public String turn(int[] sizes) {
      List<Tensor> all =
          operands.computeIfAbsent(
              Arrays.toString(sizes),
              _ -> {
                int m = sizes[0];
                int n = sizes[1];
                int k = sizes[2];
                return List.of(
                    Operands.random(backend, scope, m, k),
                    Operands.random(backend, scope, n, k),
                    scope.allocate(DType.F32, Shape.of(m, n)));
              });
      return Turns.seconds(() -> backend.logits(all.get(0), all.get(1), all.get(2)));
    }

    @Override
    public void close() {
      scope.close();
      backend.close();
    }
  }

  /** Encodes all documents of a text sequentially on one thread. */
  private static final class Encode implements Turns.Work {
    private final Tokenizer tokenizer;
    private final List<String> documents;
    private final long bytes;

    Encode(Path tokenizer, Path text) throws IOException {
      this.tokenizer = Tokenizer.load(tokenizer);
      documents = List.of(Files.readString(text).split(DOCUMENT_END, -1));
      bytes = Files.size(text);
    }

    @Override
    public long bytes() {
      return bytes;
    }

    @Override
    public String turn(int[] numbers) {
      return Turns.seconds(() -> documents.forEach(tokenizer::encode));
    }
  }

  /** A complete training step. */
  private static final class Train implements Turns.Work {
    private final Backend backend;
    private final TrainableModel model;
    private final Trainer trainer;

    Train(TokenFormerConfig config, TrainingShape shape, Backend backend) {
      this.backend = backend;
      model = RandomWeights.trainable(config, InitialValues.SCALED, 1, backend);
      trainer = Throughput.trainer(model, shape);
      for (int i = 0; i < WARM_UP_STEPS; i++) {
        trainer.step(null);
      }
    }

    @Override
    public String turn(int[] numbers) {
      return Turns.seconds(() -> trainer.step(null));
    }

    @Override
    public void close() {
      trainer.close();
      model.close();
      backend.close();
    }
  }

  /** Inference with a model of random weights. */
  private static final class Run implements Turns.Work {
    private final String kind;
    private final Backend backend;
    private final Arena arena = Arena.ofShared();
    private final TokenFormer model;
    private final Runner runner;
    private final Map<Integer, List<Session>> sessions = new HashMap<>();

    Run(String kind, TokenFormerConfig config, WeightType type, Backend backend) {
      this.kind = kind;
      this.backend = backend;
      var weights = RandomWeights.create(config, InitialValues.SCALED, type, 1, arena);
      model = ModelLoader.load(config, weights, backend, arena::close);
      runner = model.newRunner();
    }

    @Override
    public long bytes() {
      return model.weightBytes();
    }

    @Override
    public String turn(int[] numbers) {
      int number = numbers[0];
      return switch (kind) {
        case "prefill" -> {
          Session session = sessions(1, number, 0).getFirst();
          int[] prompt = new int[number];
          yield Turns.seconds(() -> {
            session.truncate(0);
            session.prefill(prompt);
          });
        }
        case "decode" -> {
          Session session = sessions(1, number + 1, number).getFirst();
          yield Turns.seconds(() -> {
            session.truncate(number);
            session.decode(1);
          });
        }
        case "ragged" -> {
          List<Session> all = sessions(1 + numbers[1], number, 0);
          List<Runner.Rows> batch = new ArrayList<>();
          batch.add(Runner.Rows.of(all.getFirst(), new int[number]));
          all.stream().skip(1).forEach(session -> batch.add(Runner.Rows.of(session, 1)));
          yield Turns.seconds(() -> {
            all.forEach(session -> session.truncate(0));
            runner.run(batch, null);
          });
        }
        default -> {
          List<Session> all = sessions(number, 1, 0);
          int[] ids = new int[number];
          yield Turns.seconds(() -> {
            all.forEach(session -> session.truncate(0));
            model.step(all, ids);
          });
        }
      };
    }

    private List<Session> sessions(int count, int capacity, int depth) {
      return sessions.computeIfAbsent(
          count * 100_000 + capacity,
          _ -> {
            List<Session> all = new ArrayList<>();
            for (int i = 0; i < count; i++) {
              all.add(model.newSession(capacity, DType.F32));
              if (depth > 0) {
                all.getLast().prefill(new int[depth]);
              }
            }
            return all;
          });
    }

    @Override
    public void close() {
      sessions.values().forEach(all -> all.forEach(Session::close));
      runner.close();
      model.close();
      backend.close();
    }
  }
}
