package org.tokenformer.engine.model.files;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.SequencedSet;
import java.util.Set;
import org.tokenformer.engine.checkpoint.Checkpoint;
import org.tokenformer.engine.checkpoint.CheckpointException;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.checkpoint.TensorInfo;

/**
 * An open checkpoint whose tensors have the names of the model itself, without what wrappers of
 * training programs added: {@code module.} of DistributedDataParallel, {@code _orig_mod.} of {@code
 * torch.compile}, or any other prefix that all names have in common.
 */
final class ReleasedWeights implements AutoCloseable {
  /** Parts of a name that stand for a wrapper around a module, at any depth of the model. */
  private static final Set<String> WRAPPERS =
      Set.of("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module");

  private final Checkpoint checkpoint;

  /** The names in the checkpoint, by those of the model. */
  private final Map<String, String> names = new HashMap<>();

  private final SequencedMap<String, TensorInfo> index = new LinkedHashMap<>();
  private final List<String> notes;

  private ReleasedWeights(Checkpoint checkpoint) throws ModelFormatException {
    this.checkpoint = checkpoint;
    this.notes = new ArrayList<>(checkpoint.notes());
    String prefix = prefix();
    SequencedSet<String> removed = new LinkedHashSet<>();
    int renamed = 0;
    for (TensorInfo info : checkpoint.index().values()) {
      String name = unwrap(info.name(), removed);
      if (!prefix.isEmpty() && name.startsWith(prefix)) {
        name = name.substring(prefix.length());
        removed.add(prefix);
      }
      renamed += name.equals(info.name()) ? 0 : 1;
      String other = names.put(name, info.name());
      if (other != null) {
        throw new ModelFormatException(
            "%s: tensors %s and %s have the same name without their wrappers"
                .formatted(path(), quote(other), quote(info.name())));
      }
      index.put(name, info);
    }
    if (renamed > 0) {
      notes.add("removed %s from the names of %d tensors".formatted(quoted(removed), renamed));
    }
  }

  /** Opens a checkpoint in any form that {@link Checkpoint#open} accepts. */
  static ReleasedWeights open(Path path) throws IOException {
    Checkpoint checkpoint = Checkpoint.open(path);
    try {
      return new ReleasedWeights(checkpoint);
    } catch (IOException | RuntimeException | Error e) {
      checkpoint.close();
      throw e;
    }
  }

  /** Returns a name without wrappers, and adds those to {@code removed}. */
  private static String unwrap(String name, Collection<String> removed) {
    List<String> rest = new ArrayList<>();
    for (String part : name.split("\\.", -1)) {
      if (WRAPPERS.contains(part)) {
        removed.add(part + ".");
      } else {
        rest.add(part);
      }
    }
    return String.join(".", rest);
  }

  /** Returns what precedes the name of the embedding, which every model has. */
  private String prefix() throws ModelFormatException {
    SequencedSet<String> prefixes = new LinkedHashSet<>();
    for (String original : checkpoint.index().keySet()) {
      String name = unwrap(original, new ArrayList<>());
      if (name.equals(ReleasedLayout.EMBEDDING)) {
        return "";
      }
      if (name.endsWith("." + ReleasedLayout.EMBEDDING)) {
        prefixes.add(name.substring(0, name.length() - ReleasedLayout.EMBEDDING.length()));
      }
    }
    if (prefixes.size() > 1) {
      throw new ModelFormatException(
          "%s: has several models, under the prefixes %s; save only one of them"
              .formatted(path(), quoted(prefixes)));
    }
    return prefixes.isEmpty() ? "" : prefixes.getFirst();
  }

  private static String quoted(Collection<String> texts) {
    return String.join(" and ", texts.stream().map(CheckpointException::quote).toList());
  }

  /** Returns the file or folder, for messages. */
  Path path() {
    return checkpoint.path();
  }

  /** Returns types and shapes by the names of the model. */
  SequencedMap<String, TensorInfo> index() {
    return index;
  }

  /** Returns these tensors under the names of the model; valid until this is closed. */
  Map<String, NamedTensor> load(Collection<String> wanted) throws IOException {
    Map<String, NamedTensor> loaded =
        checkpoint.load(wanted.stream().map(this::originalName).toList());
    Map<String, NamedTensor> tensors = new LinkedHashMap<>();
    for (String name : wanted) {
      NamedTensor tensor = Objects.requireNonNull(loaded.get(originalName(name)));
      tensors.put(name, tensor.withName(name));
    }
    return tensors;
  }

  private String originalName(String name) {
    return names.getOrDefault(name, name);
  }

  /** Returns notes for the user about how the weights were found, one line each. */
  List<String> notes() {
    return notes;
  }

  @Override
  public void close() {
    checkpoint.close();
  }
}
