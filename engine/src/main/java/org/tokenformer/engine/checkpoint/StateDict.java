package org.tokenformer.engine.checkpoint;

import static org.tokenformer.engine.checkpoint.CheckpointException.quote;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.tokenformer.engine.checkpoint.CheckpointException.Kind;
import org.tokenformer.engine.checkpoint.PickleValue.Dict;
import org.tokenformer.engine.checkpoint.PickleValue.None;
import org.tokenformer.engine.checkpoint.PickleValue.Opaque;
import org.tokenformer.engine.checkpoint.PickleValue.Tensor;

/**
 * The dict of named tensors in a pickle. Training programs nest it in other dicts, beside the state
 * of the optimizer and settings.
 *
 * @param tensors by name, in the order of the file
 * @param notes notes for the user about this choice, one line each
 */
record StateDict(SequencedMap<String, Tensor> tensors, List<String> notes) {
  /** The keys under which training programs put the weights. */
  private static final Set<String> USUAL_KEYS =
      Set.of("model", "module", "state_dict", "model_state_dict");

  private static final int MAX_DEPTH = 6;
  private static final int MAX_SHOWN = 8;

  /**
   * Finds the dict: under the usual keys if there is one, else the dict with the most tensors,
   * except in the state of an optimizer.
   */
  static StateDict find(Path path, PickleValue root) throws CheckpointException {
    if (!(root instanceof Dict dict)) {
      String advice = root instanceof Opaque ? "; save module.state_dict() instead" : "";
      throw bad(path, "contains %s, not a state_dict%s".formatted(root.describe(), advice));
    }
    Found found = new Search().search(dict, List.of());
    if (found == null) {
      throw bad(path, "has no dict of tensors" + contents(dict));
    }
    if (found.rival != null) {
      throw bad(
          path,
          "has tensors under both %s and %s; save only one of them"
              .formatted(place(found.keys), place(found.rival)));
    }
    return new StateDict(tensors(path, found.dict), notes(dict, found.keys));
  }

  private static SequencedMap<String, Tensor> tensors(Path path, Dict dict)
      throws CheckpointException {
    SequencedMap<String, Tensor> tensors = new LinkedHashMap<>();
    for (Map.Entry<Object, PickleValue> e : dict.items.entrySet()) {
      if (!(e.getKey() instanceof String name)) {
        continue;
      }
      if (e.getValue() instanceof Tensor tensor) {
        TensorLimits.checkName(path, name);
        tensors.put(name, tensor);
      } else if (e.getValue() instanceof Opaque value && value.tensor()) {
        throw bad(path, "has under %s %s".formatted(quote(name), value.describe()));
      }
    }
    return tensors;
  }

  /** Returns where the dict was found and what beside it is not used. */
  private static List<String> notes(Dict root, List<String> keys) {
    List<String> notes = new ArrayList<>();
    if (!keys.isEmpty()) {
      notes.add("weights taken from " + place(keys));
    }
    List<Object> leftOut = new ArrayList<>();
    Dict dict = root;
    for (String key : keys) {
      dict.items.keySet().stream().filter(other -> !other.equals(key)).forEach(leftOut::add);
      if (dict.items.get(key) instanceof Dict inner) {
        dict = inner;
      }
    }
    dict.items.forEach((key, value) -> {
      if (!(key instanceof String && value instanceof Tensor)) {
        leftOut.add(key);
      }
    });
    if (!leftOut.isEmpty()) {
      notes.add("left out " + shown(leftOut, StateDict::text));
    }
    return notes;
  }

  /** Returns what a message says of a root without tensors. */
  private static String contents(Dict dict) {
    if (dict.items.get("module") == None.NONE) {
      return ", and None under 'module': DeepSpeed stored the weights in the files"
          + " layer_*-model_*-model_states.pt beside it; specify their folder";
    }
    return dict.items.isEmpty()
        ? ", it is empty"
        : ", only %s; save the model's state_dict"
            .formatted(
                shown(
                    dict.items.entrySet(), e -> text(e.getKey()) + ": " + e.getValue().describe()));
  }

  /** Lists the first few of possibly millions. */
  private static <T> String shown(Collection<T> all, Function<T, String> text) {
    String shown = String.join(", ", all.stream().limit(MAX_SHOWN).map(text).toList());
    int more = all.size() - MAX_SHOWN;
    return more > 0 ? "%s and %d more".formatted(shown, more) : shown;
  }

  private static String text(Object key) {
    return switch (key) {
      case String text -> quote(text);
      case PickleValue value -> value.describe();
      default -> key.toString();
    };
  }

  /** Returns the position of a dict, for example {@code 'state_dict' / 'model'}. */
  private static String place(Collection<String> keys) {
    return keys.isEmpty()
        ? "the root"
        : String.join(" / ", keys.stream().map(CheckpointException::quote).toList());
  }

  private static CheckpointException bad(Path path, String what) {
    return new CheckpointException(Kind.BAD_STATE_DICT, path, "data.pkl " + what);
  }

  /**
   * A dict with tensors.
   *
   * @param keys of the dicts around it, outermost first
   * @param rival keys of another dict with as many tensors, or null
   */
  private record Found(Dict dict, List<String> keys, long tensors, @Nullable List<String> rival) {}

  /** Visits each dict once, since values may contain each other in any way. */
  private static final class Search {
    private final Set<Dict> visited = Collections.newSetFromMap(new IdentityHashMap<>());

    @Nullable Found search(Dict dict, List<String> keys) {
      if (keys.size() > MAX_DEPTH || !visited.add(dict)) {
        return null;
      }
      Found usual = searchEntries(dict, keys, true);
      if (usual != null) {
        return usual;
      }
      long count =
          dict.items.entrySet().stream()
              .filter(e -> e.getKey() instanceof String && isTensor(e.getValue()))
              .count();
      Found own = count == 0 ? null : new Found(dict, keys, count, null);
      return better(own, searchEntries(dict, keys, false));
    }

    private static boolean isTensor(PickleValue value) {
      return value instanceof Tensor || (value instanceof Opaque opaque && opaque.tensor());
    }

    /** Searches the dicts under the usual keys, or under all others. */
    private @Nullable Found searchEntries(Dict dict, List<String> keys, boolean usual) {
      Found found = null;
      for (Map.Entry<Object, PickleValue> e : dict.items.entrySet()) {
        if (e.getKey() instanceof String key
            && e.getValue() instanceof Dict inner
            && USUAL_KEYS.contains(key) == usual
            && !key.startsWith("optim")) {
          List<String> innerKeys = new ArrayList<>(keys);
          innerKeys.add(key);
          found = better(found, search(inner, innerKeys));
        }
      }
      return found;
    }

    private static @Nullable Found better(@Nullable Found first, @Nullable Found second) {
      if (first == null || second == null) {
        return first == null ? second : first;
      }
      if (first.tensors == second.tensors) {
        return new Found(first.dict, first.keys, first.tensors, second.keys);
      }
      return first.tensors > second.tensors ? first : second;
    }
  }
}
