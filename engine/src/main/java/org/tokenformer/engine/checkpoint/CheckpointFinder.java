package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.checkpoint.ShardedCheckpoint.Part;

/** Finds the files of a checkpoint from any one of them, or from their folder. */
final class CheckpointFinder {
  /** The files to look for in a folder, in this order, as HF transformers does. */
  private static final List<String> USUAL =
      List.of(
          "model.safetensors",
          "model.safetensors.index.json",
          "pytorch_model.bin",
          "pytorch_model.bin.index.json");

  /** Names such as {@code pytorch_model-00001-of-00003.bin}. */
  private static final Pattern SHARD =
      Pattern.compile("(.+)-(\\d{5})-of-(\\d{5})(\\.bin|\\.safetensors)");

  /** DeepSpeed's file of the weights of one layer, on one of the ranks that share each layer. */
  private static final Pattern LAYER =
      Pattern.compile("layer_(\\d{1,6})-model_(\\d{1,6})-model_states\\.pt");

  private static final Pattern WEIGHTS = Pattern.compile(".+\\.(bin|pt|pth|ckpt|safetensors)");

  private static final String LAYER_PREFIX = "sequential.";
  private static final int MAX_SHARDS = 10_000;
  private static final int MAX_SHOWN = 5;

  private CheckpointFinder() {}

  /** See {@link Checkpoint#open}. */
  static Checkpoint open(Path path) throws CheckpointException {
    if (Files.isDirectory(path)) {
      return openFolder(path);
    }
    String name = String.valueOf(path.getFileName());
    Matcher layer = LAYER.matcher(name);
    if (layer.matches()) {
      return openLayers(path, folderOf(path), names(folderOf(path)));
    }
    Matcher shard = SHARD.matcher(name);
    if (shard.matches()) {
      Path index = path.resolveSibling(shard.group(1) + shard.group(4) + ShardIndex.SUFFIX);
      return Files.exists(index) ? openIndex(index) : openNumbered(path, shard);
    }
    return name.endsWith(".json") ? openIndex(path) : openFile(path);
  }

  /** Opens a single file. */
  static Checkpoint openFile(Path path) throws CheckpointException {
    if (path.toString().endsWith(".distcp")) {
      throw distributed(path);
    }
    FileBytes file = FileBytes.open(path, LoadMode.MAP);
    try {
      MemorySegment bytes = file.bytes();
      return SafetensorsHeader.isPlausible(bytes)
          ? new SafetensorsFile(file)
          : new TorchCheckpoint(file);
    } catch (Throwable e) {
      file.close();
      throw e;
    }
  }

  private static Checkpoint openFolder(Path folder) throws CheckpointException {
    List<String> names = names(folder);
    for (String usual : USUAL) {
      if (names.contains(usual)) {
        return open(folder.resolve(usual));
      }
    }
    if (names.stream().anyMatch(name -> LAYER.matcher(name).matches())) {
      return openLayers(folder, folder, names);
    }
    if (names.stream().anyMatch(name -> name.endsWith(".distcp"))) {
      throw distributed(folder);
    }
    SequencedSet<String> found = new LinkedHashSet<>();
    String first = null;
    for (String name : names) {
      Matcher shard = SHARD.matcher(name);
      boolean numbered = shard.matches();
      if (numbered || WEIGHTS.matcher(name).matches()) {
        found.add(numbered ? shard.group(1) + shard.group(4) : name);
        first = first == null ? name : first;
      }
    }
    if (found.size() != 1 || first == null) {
      throw new CheckpointException(
          Kind.NOT_A_CHECKPOINT,
          folder,
          found.isEmpty()
              ? "contains no weights, such as %s, only %s".formatted(USUAL.get(2), shown(names))
              : "contains %d checkpoints: %s; specify one of them"
                  .formatted(found.size(), shown(found)));
    }
    return open(folder.resolve(first));
  }

  private static Checkpoint openIndex(Path path) throws CheckpointException {
    ShardIndex index = ShardIndex.read(path);
    List<Path> files =
        index.files().values().stream().distinct().map(name -> path.resolveSibling(name)).toList();
    refuseMissing(path, files);
    ShardedCheckpoint checkpoint = openParts(path, files);
    try {
      checkpoint.checkAgainst(index);
      return checkpoint;
    } catch (Throwable e) {
      checkpoint.close();
      throw e;
    }
  }

  /** Opens all shards of a checkpoint without an index. */
  private static Checkpoint openNumbered(Path path, Matcher shard) throws CheckpointException {
    if (!Files.exists(path)) {
      return openFile(path); // which reports it
    }
    int count = Integer.parseInt(shard.group(3));
    if (count < 1 || count > MAX_SHARDS) {
      throw new CheckpointException(
          Kind.LIMIT,
          path,
          "is one of %d shards by its name, but 1 to %d are allowed".formatted(count, MAX_SHARDS));
    }
    List<Path> files = new ArrayList<>();
    for (int i = 1; i <= count; i++) {
      files.add(
          path.resolveSibling(
              "%s-%05d-of-%s%s".formatted(shard.group(1), i, shard.group(3), shard.group(4))));
    }
    refuseMissing(path, files);
    return openParts(path, files);
  }

  private static ShardedCheckpoint openParts(Path path, List<Path> files)
      throws CheckpointException {
    return ShardedCheckpoint.open(path, files.stream().map(file -> new Part(file, "")).toList());
  }

  private static void refuseMissing(Path path, List<Path> files) throws CheckpointException {
    List<String> missing = new ArrayList<>();
    for (Path file : files) {
      if (!Files.exists(file)) {
        missing.add(String.valueOf(file.getFileName()));
      }
    }
    if (!missing.isEmpty()) {
      throw new CheckpointException(
          Kind.CANNOT_READ,
          path,
          "%d of its %d files are missing beside it: %s; copy or download them too"
              .formatted(missing.size(), files.size(), shown(missing)));
    }
  }

  /** Opens the layers of a pipeline; tensors get the names that the whole pipeline gives them. */
  private static Checkpoint openLayers(Path path, Path folder, List<String> names)
      throws CheckpointException {
    TreeMap<Integer, Part> layers = new TreeMap<>();
    for (String name : names) {
      Matcher layer = LAYER.matcher(name);
      if (!layer.matches()) {
        continue;
      }
      int number = Integer.parseInt(layer.group(1));
      Part part = new Part(folder.resolve(name), LAYER_PREFIX + number + ".");
      if (Integer.parseInt(layer.group(2)) != 0 || layers.put(number, part) != null) {
        throw new CheckpointException(
            Kind.NOT_A_CHECKPOINT,
            path,
            "%s has only a slice of each tensor, since several ranks shared each layer; merge the"
                    .formatted(quote(name))
                + " slices with the tools of the training program first");
      }
    }
    return ShardedCheckpoint.open(path, List.copyOf(layers.values()));
  }

  private static CheckpointException distributed(Path path) {
    return new CheckpointException(
        Kind.NOT_A_CHECKPOINT,
        path,
        "is a distributed checkpoint of torch (.distcp); merge it first: python -m"
            + " torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE");
  }

  private static String shown(Collection<String> names) {
    List<String> quoted = names.stream().limit(MAX_SHOWN).map(CheckpointException::quote).toList();
    int more = names.size() - quoted.size();
    return (quoted.isEmpty() ? "nothing" : String.join(", ", quoted))
        + (more > 0 ? " and %d more".formatted(more) : "");
  }

  private static Path folderOf(Path file) {
    Path parent = file.toAbsolutePath().getParent();
    return parent == null ? file.toAbsolutePath() : parent;
  }

  /** Returns the names of the visible files in a folder, sorted. */
  private static List<String> names(Path folder) throws CheckpointException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> String.valueOf(file.getFileName()))
          .filter(name -> !name.startsWith("."))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new CheckpointException(
          Kind.CANNOT_READ, folder, "cannot read: " + CheckpointException.reason(e), e);
    }
  }
}
