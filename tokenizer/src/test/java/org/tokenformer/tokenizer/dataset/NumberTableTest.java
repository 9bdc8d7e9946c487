package org.tokenformer.tokenizer.dataset;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import it.unimi.dsi.fastutil.doubles.DoubleArrayList;
import it.unimi.dsi.fastutil.longs.LongArrayList;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.arrow.flatbuf.Block;
import org.apache.arrow.flatbuf.Footer;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.RecordBatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Reads tables back with Arrow's own classes; pyarrow can open the same files. */
class NumberTableTest {
  @TempDir private Path folder;

  @Test
  void theNumbersAreWhereTheFooterSays() throws IOException {
    for (int rows : new int[] {0, 1, 8, 9, 20_000}) {
      LongArrayList longs = new LongArrayList();
      DoubleArrayList doubles = new DoubleArrayList();
      DoubleArrayList sparse = new DoubleArrayList();
      for (int i = 0; i < rows; i++) {
        longs.add(i * 1_000_000_007L);
        doubles.add(Math.sin(i));
        sparse.add(i % 3 == 0 ? i : Double.NaN);
      }
      Path file = folder.resolve("table");
      NumberTable.write(
          file,
          List.of(
              new NumberTable.Longs("n", longs),
              new NumberTable.Doubles("x", doubles),
              new NumberTable.Doubles("sparse", sparse)));
      check(Files.readAllBytes(file), longs, doubles, sparse);
    }
  }

  private static void check(
      byte[] bytes, LongArrayList longs, DoubleArrayList doubles, DoubleArrayList sparse) {
    ByteBuffer file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int footerLength = file.getInt(bytes.length - 10);
    Footer footer =
        Footer.getRootAsFooter(file.slice(bytes.length - 10 - footerLength, footerLength));
    List<String> names = List.of("n", "x", "sparse");
    for (int i = 0; i < 3; i++) {
      assertEquals(names.get(i), footer.schema().fields(i).name());
    }
    assertEquals(1, footer.recordBatchesLength());
    Block block = footer.recordBatches(0);
    int start = (int) block.offset();
    assertEquals(0, start % 64);
    ByteBuffer metadata = file.slice(start + 8, block.metaDataLength() - 8);
    Message message = Message.getRootAsMessage(metadata);
    assertEquals(block.bodyLength(), message.bodyLength());
    RecordBatch batch = (RecordBatch) message.header(new RecordBatch());
    assertEquals(longs.size(), batch.length());
    int body = start + block.metaDataLength();
    assertEquals(0, body % 64);
    for (int row = 0; row < longs.size(); row++) {
      assertEquals(longs.getLong(row), file.getLong(at(body, batch, 1) + 8 * row));
      assertEquals(doubles.getDouble(row), file.getDouble(at(body, batch, 3) + 8 * row));
      boolean valid = !Double.isNaN(sparse.getDouble(row));
      if (batch.nodes(2).nullCount() > 0) {
        int bits = file.get(at(body, batch, 4) + row / 8);
        assertEquals(valid, (bits >> row % 8 & 1) == 1, "row " + row);
      }
      if (valid) {
        assertEquals(sparse.getDouble(row), file.getDouble(at(body, batch, 5) + 8 * row));
      }
    }
    long nulls = sparse.doubleStream().filter(Double::isNaN).count();
    assertEquals(nulls, batch.nodes(2).nullCount());
    assertEquals(0, batch.nodes(0).nullCount());
  }

  private static int at(int body, RecordBatch batch, int buffer) {
    long offset = batch.buffers(buffer).offset();
    assertTrue(offset % 64 == 0 && offset <= Integer.MAX_VALUE);
    return body + (int) offset;
  }

  @Test
  void refusesColumnsOfOtherLengths() {
    LongArrayList one = LongArrayList.of(1);
    NumberTable.Longs longer = new NumberTable.Longs("b", LongArrayList.of(1, 2));
    assertThrows(
        IllegalArgumentException.class,
        () ->
            NumberTable.write(
                folder.resolve("t"), List.of(new NumberTable.Longs("a", one), longer)));
    DatasetException e =
        assertThrows(
            DatasetException.class,
            () -> NumberTable.write(folder.resolve("no/t"), List.of(longer)));
    assertTrue(String.valueOf(e.getMessage()).contains("cannot write: its folder does not exist"));
  }
}
