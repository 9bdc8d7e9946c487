package org.tokenformer.engine.grow;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.tokenformer.engine.checkpoint.AtomicFolder.IfExists;
import org.tokenformer.engine.checkpoint.FloatConversion;
import org.tokenformer.engine.checkpoint.LoadMode;
import org.tokenformer.engine.checkpoint.NamedTensor;
import org.tokenformer.engine.model.ConfigException;
import org.tokenformer.engine.model.TokenFormerConfig;
import org.tokenformer.engine.model.TokenFraction;
import org.tokenformer.engine.model.TokenSelection;
import org.tokenformer.engine.model.files.ModelFolder;
import org.tokenformer.engine.model.files.ModelFormatException;
import org.tokenformer.engine.tensor.DType;
import org.tokenformer.engine.tensor.Shape;

/** Packs to attach to one base model, in the order given. */
public final class Packs implements AutoCloseable {
  private final List<Pack> packs = new ArrayList<>();
  private final Arena arena = Arena.ofShared(); // of merged tensors

  private Packs() {}

  /**
   * Opens packs and checks that all of them were made for this base; this reads all weights of the
   * base.
   *
   * @param prefix fraction of the base's own tokens that will be used
   * @throws IOException with a one-line message, if a pack is damaged, belongs to another model or
   *     is listed twice
   */
  public static Packs open(List<Path> files, ModelFolder base, TokenFraction prefix, LoadMode mode)
      throws IOException {
    Packs opened = new Packs();
    try {
      for (Path file : files) {
        opened.packs.add(Pack.open(file, mode));
      }
      opened.refuseDuplicates();
      if (!files.isEmpty()) {
        String fingerprint = BaseFingerprint.of(base.config(), base.floatTensors());
        for (Pack pack : opened.packs) {
          pack.checkBase(base, fingerprint);
        }
        opened.checkSizes(base.config(), prefix);
      }
      return opened;
    } catch (IOException | RuntimeException | Error e) {
      opened.close();
      throw e;
    }
  }

  private void refuseDuplicates() throws ModelFormatException {
    for (int i = 1; i < packs.size(); i++) {
      for (Pack before : packs.subList(0, i)) {
        if (packs.get(i).hasSameTokensAs(before)) {
          throw new ModelFormatException(
              packs.get(i).path()
                  + ": holds the same parameter tokens as "
                  + before.path()
                  + "; name each pack once");
        }
      }
    }
  }

  private void checkSizes(TokenFormerConfig base, TokenFraction prefix)
      throws ModelFormatException {
    try {
      behind(prefix).config(base);
    } catch (ConfigException e) {
      throw new ModelFormatException(
          packs.getLast().path() + ": does not fit its base: " + e.getMessage(), e);
    }
  }

  /** Returns the tokens that a model computes with: a prefix of its own, and those of all packs. */
  public TokenSelection behind(TokenFraction prefix) {
    List<Map<String, NamedTensor>> attached = new ArrayList<>();
    packs.forEach(pack -> attached.add(pack.tensors()));
    return new TokenSelection(prefix, attached);
  }

  /** Returns the packs. */
  public List<Pack> list() {
    return List.copyOf(packs);
  }

  /**
   * Saves a standalone model whose results are bit-identical to those of the base with all packs
   * attached.
   *
   * @param base the base model; its tokenizer is copied
   * @return the configuration of the saved model
   * @throws IOException with a one-line message
   */
  public TokenFormerConfig mergeTo(ModelFolder base, Path target, IfExists ifExists)
      throws IOException {
    base.refuseNotFinite();
    TokenFormerConfig config = behind(TokenFraction.ALL).config(base.config());
    List<NamedTensor> tensors = List.copyOf(merged(base.floatTensors()).values());
    Path tokenizer = base.path().resolve(ModelFolder.TOKENIZER_FILE);
    ModelFolder.save(target, ifExists, config, tensors, tokenizer);
    return config;
  }

  /**
   * Returns the weights of a standalone model that computes what the base does with all packs
   * attached: in their own types, or as F32 if the types of a tensor's parts differ.
   *
   * @param base the weights of the base
   * @return the weights, valid until this object is closed
   */
  private Map<String, NamedTensor> merged(Map<String, NamedTensor> base) {
    Map<String, NamedTensor> merged = new LinkedHashMap<>();
    base.forEach((name, own) -> {
      List<NamedTensor> parts = new ArrayList<>(List.of(own));
      for (Pack pack : packs) {
        NamedTensor added = pack.tensors().get(name);
        if (added != null) {
          parts.add(added);
        }
      }
      merged.put(name, parts.size() == 1 ? own : joined(parts));
    });
    return merged;
  }

  private NamedTensor joined(List<NamedTensor> parts) {
    NamedTensor first = parts.getFirst();
    boolean sameType = parts.stream().allMatch(part -> part.dtype() == first.dtype());
    DType dtype = sameType ? first.dtype() : DType.F32;
    long rows = parts.stream().mapToLong(part -> part.shape().size(0)).sum();
    Shape shape = Shape.of(rows, first.shape().size(1));
    MemorySegment data = arena.allocate(shape.bytes(dtype), 64);
    long offset = 0;
    for (NamedTensor part : parts) {
      MemorySegment to = data.asSlice(offset, part.shape().bytes(dtype));
      if (part.dtype() == dtype) { // also for F64: conversion to F64 is not supported
        to.copyFrom(part.data());
      } else {
        FloatConversion.convert(part.dtype(), part.data(), dtype, to);
      }
      offset += to.byteSize();
    }
    return new NamedTensor(first.name(), dtype, shape, data);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      try (arena) {
        close(packs);
      }
    }
  }

  /** Closes each pack, even if closing another one fails. */
  private static void close(List<Pack> packs) {
    if (!packs.isEmpty()) {
      try (Pack _ = packs.getFirst()) {
        close(packs.subList(1, packs.size()));
      }
    }
  }
}
