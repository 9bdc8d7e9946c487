package org.tokenformer.engine.backend.vector;

import static org.tokenformer.engine.backend.vector.Simd.PANEL;

import org.tokenformer.engine.tensor.HostBuffer;
import org.tokenformer.engine.tensor.Tensor;

/**
 * Computes the product with the embedding table, the same operation as the scores of a Pattention.
 * Training always multiplies tiles, whose sums are the same at every vector width.
 */
final class LogitsTask implements Workers.Task {
  private final Workers workers;
  private final Scratch scratch;
  private final WeightRows table = new WeightRows();
  private long x;
  private long out;
  private int rows;
  private int maxTokenRows; // up to which the kernel for single tokens is used
  private int maxFewRows; // likewise for the one for a few tokens
  private int channels;
  private int vocabulary;
  private long inputs; // tiles of x, (C, 6)

  LogitsTask(Workers workers, Scratch scratch) {
    this.workers = workers;
    this.scratch = scratch;
  }

  void run(Tensor input, Tensor embeddings, boolean training, Tensor output) {
    x = HostBuffer.addressOf(input);
    table.set(embeddings);
    out = HostBuffer.addressOf(output);
    rows = Math.toIntExact(input.rows());
    maxTokenRows = training ? 0 : PattentionTokenTask.MAX_ROWS;
    maxFewRows = training ? 0 : FewTokens.MAX_ROWS;
    channels = Math.toIntExact(input.columns());
    vocabulary = table.rows();
    if (rows > maxFewRows) {
      int tile = Simd.roundUp(Math.min(rows, PattentionTask.TILE), Tile.ROWS);
      inputs = scratch.shared(4L * tile * channels);
    }
    workers.run(this);
  }

  @Override
  public void run(int worker) {
    if (rows <= maxTokenRows) {
      tokenByToken(worker);
      return;
    }
    if (rows <= maxFewRows) {
      fewTokens(worker);
      return;
    }
    for (int first = 0; first < rows; first += PattentionTask.TILE) {
      tile(worker, first, Math.min(PattentionTask.TILE, rows - first));
      workers.barrier(worker);
    }
  }

  /**
   * Multiplies all tokens by one block of the table before the next; see {@link
   * PattentionTokenTask}.
   */
  private void tokenByToken(int worker) {
    long sums = scratch.packed(worker);
    int blocks = (vocabulary + Gemm.ROW_BLOCK - 1) / Gemm.ROW_BLOCK;
    for (int i = workers.next(blocks); i < blocks; i = workers.next(blocks)) {
      int row = i * Gemm.ROW_BLOCK;
      int end = Math.min(vocabulary, row + Gemm.ROW_BLOCK);
      for (int t = 0; t < rows; t++) {
        long to = out + 4 * ((long) t * vocabulary + row);
        table.dots(row, end, x + 4L * t * channels, to, sums);
      }
    }
  }

  private void fewTokens(int worker) {
    long groupBytes = FewTokens.groupBytes(rows, channels);
    long groups = scratch.local(worker, groupBytes + FewTokens.dotsBytes(channels));
    FewTokens.packGroups(x, rows, channels, groups);
    int blocks = (vocabulary + Gemm.ROW_BLOCK - 1) / Gemm.ROW_BLOCK;
    for (int i = workers.next(blocks); i < blocks; i = workers.next(blocks)) {
      int row = i * Gemm.ROW_BLOCK;
      int end = Math.min(vocabulary, row + Gemm.ROW_BLOCK);
      long to = out + 4L * row;
      FewTokens.dots(table, row, end, x, groups, rows, to, 4L * vocabulary, groups + groupBytes);
    }
  }

  private void tile(int worker, int first, int inTile) {
    Packing.tiles(workers, x + 4L * first * channels, channels, inTile, inputs);
    workers.barrier(worker);
    long packed = scratch.packed(worker);
    int piece = Gemm.piece(vocabulary, PANEL, workers.threads());
    for (int row = workers.next() * piece; row < vocabulary; row = workers.next() * piece) {
      int m = Math.min(piece, vocabulary - row);
      long to = out + ((long) first * vocabulary + row) * 4;
      Gemm.project(inputs, inTile, table, row, m, to, 4L * vocabulary, packed);
    }
  }
}
