package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SequencedSet;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;

/** A checkpoint whose tensors are in several files, each in one of them. */
final class ShardedCheckpoint implements Checkpoint {
  /**
   * A file of the checkpoint.
   *
   * @param prefix put before the names of its tensors
   */
  record Part(Path file, String prefix) {}

  /** A tensor of an open part, under its name there. */
  private record Location(Checkpoint part, String name) {}

  private final Path path;
  private final List<Checkpoint> parts = new ArrayList<>();
  private final SequencedMap<String, Location> locations = new LinkedHashMap<>();
  private final SequencedMap<String, TensorInfo> index = new LinkedHashMap<>();
  private final SequencedSet<String> notes = new LinkedHashSet<>();

  private ShardedCheckpoint(Path path) {
    this.path = path;
  }

  /** Opens all parts; no two may have a tensor of the same name. */
  static ShardedCheckpoint open(Path path, List<Part> parts) throws CheckpointException {
    ShardedCheckpoint checkpoint = new ShardedCheckpoint(path);
    try {
      for (Part part : parts) {
        checkpoint.add(part);
      }
      return checkpoint;
    } catch (Throwable e) {
      checkpoint.close();
      throw e;
    }
  }

  private void add(Part part) throws CheckpointException {
    Checkpoint opened = CheckpointFinder.openFile(part.file);
    parts.add(opened);
    notes.addAll(opened.notes());
    for (TensorInfo info : opened.index().values()) {
      String name = part.prefix + info.name();
      Location before = locations.put(name, new Location(opened, info.name()));
      if (before != null) {
        throw new CheckpointException(
            Kind.DUPLICATE_NAME,
            part.file,
            "has tensor %s, which is also in %s; remove the file that is not part of the checkpoint"
                .formatted(quote(name), before.part.path()));
      }
      index.put(name, new TensorDescription(name, info.dtype(), info.shape()));
    }
  }

  /** Rejects an index that places a tensor in a file without it. */
  void checkAgainst(ShardIndex expected) throws CheckpointException {
    for (Map.Entry<String, String> e : expected.files().entrySet()) {
      Location location = locations.get(e.getKey());
      String file = location == null ? "" : String.valueOf(location.part.path().getFileName());
      if (!file.equals(e.getValue())) {
        throw new CheckpointException(
            Kind.MISSING_TENSOR,
            expected.path(),
            "places tensor %s in %s, which does not have it%s; copy or download the files again"
                .formatted(
                    quote(e.getKey()),
                    quote(e.getValue()),
                    location == null ? "" : " (" + quote(file) + " has)"));
      }
    }
  }

  @Override
  public Path path() {
    return path;
  }

  @Override
  public SequencedMap<String, TensorInfo> index() {
    return Collections.unmodifiableSequencedMap(index);
  }

  @Override
  public SequencedMap<String, NamedTensor> load(Collection<String> names)
      throws CheckpointException {
    Map<Checkpoint, List<String>> byPart = new LinkedHashMap<>();
    for (String name : names) {
      info(name);
      Location location = at(name);
      byPart.computeIfAbsent(location.part, _ -> new ArrayList<>()).add(location.name);
    }
    Map<Checkpoint, SequencedMap<String, NamedTensor>> loaded = new LinkedHashMap<>();
    for (Map.Entry<Checkpoint, List<String>> e : byPart.entrySet()) {
      loaded.put(e.getKey(), e.getKey().load(e.getValue()));
    }
    return merge(names, loaded);
  }

  @Override
  public SequencedMap<String, NamedTensor> tensors() throws CheckpointException {
    Map<Checkpoint, SequencedMap<String, NamedTensor>> loaded = new LinkedHashMap<>();
    for (Checkpoint part : parts) {
      loaded.put(part, part.tensors());
    }
    return merge(index.keySet(), loaded);
  }

  private SequencedMap<String, NamedTensor> merge(
      Collection<String> names, Map<Checkpoint, SequencedMap<String, NamedTensor>> loaded) {
    SequencedMap<String, NamedTensor> tensors = new LinkedHashMap<>();
    for (String name : names) {
      Location location = at(name);
      tensors.put(name, get(get(loaded, location.part), location.name).withName(name));
    }
    return tensors;
  }

  private Location at(String name) {
    return get(locations, name);
  }

  /** Returns a value that is known to be there. */
  private static <K, V> V get(Map<K, V> map, K key) {
    V value = map.get(key);
    if (value == null) {
      throw new IllegalStateException("no value for " + key);
    }
    return value;
  }

  @Override
  public List<String> notes() {
    return List.copyOf(notes);
  }

  @Override
  public void close() {
    parts.forEach(Checkpoint::close);
  }
}
