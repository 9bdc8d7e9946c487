"""Writes the datasets for the tests: python make_datasets.py FOLDER (needs pyarrow and HF datasets)."""

import decimal
import os
import sys
import tempfile

import pyarrow as pa

ROWS = [[5, 1, 4095, 0], [], [7, 0], [3] * 17 + [0], [0], list(range(1, 300)) + [0]]


def column(list_type=pa.list_, item=pa.int32(), rows=ROWS):
    return pa.array(rows, type=list_type(item))


def write(path, tables, stream=False, **options):
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(path, tables[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for table in tables:
            for batch in table.to_batches():
                writer.write_batch(batch)
            if table.num_rows == 0:  # tables never have empty batches, but files may
                none = [pa.array([], field.type) for field in table.schema]
                writer.write_batch(pa.record_batch(none, table.schema))


def batches(values, name="input_ids"):
    """Three batches: two rows, no rows, the remaining rows."""
    table = pa.table({name: values})
    return [table.slice(0, 2).combine_chunks(), table.slice(0, 0), table.slice(2).combine_chunks()]


def many_columns():
    """A column of each layout before input_ids, and one after it."""
    n = len(ROWS)
    texts = ["a", None, "a text that is longer than a view holds itself", "", "b" * 40, "é"]
    ints = pa.array([1, None, 3, 4, 5, 6], pa.int32())
    kinds = pa.array([0, 1, 0, 1, 0, 1], pa.int8())
    offsets = pa.array([0, 0, 1, 1, 2, 2], pa.int32())
    columns = {
        "null": pa.nulls(n),
        "bool": pa.array([True, None, False] * 2),
        "int8": ints.cast(pa.int8()),
        "half": pa.array([0.5] * n, pa.float16()),
        "string": pa.array(texts),
        "large_string": pa.array(texts, pa.large_string()),
        "binary": pa.array([b"x"] * n, pa.binary()),
        "fixed": pa.array([b"abc"] * n, pa.binary(3)),
        "decimal": pa.array([decimal.Decimal("1.5")] * n, pa.decimal128(5, 2)),
        "date": pa.array([0] * n, pa.date32()),
        "time": pa.array([0] * n, pa.time64("us")),
        "timestamp": pa.array([0] * n, pa.timestamp("s")),
        "duration": pa.array([0] * n, pa.duration("s")),
        "interval": pa.array([(1, 2, 3)] * n, pa.month_day_nano_interval()),
        "list": pa.array([["x"], None, []] * 2, pa.list_(pa.string())),
        "large_list": pa.array([[1], None, []] * 2, pa.large_list(pa.int8())),
        "fixed_list": pa.array([[1, 2]] * n, pa.list_(pa.int16(), 2)),
        "list_view": pa.array([[1], None, []] * 2, pa.list_view(pa.int8())),
        "large_list_view": pa.array([[1], None, []] * 2, pa.large_list_view(pa.int8())),
        "struct": pa.array([{"a": 1, "b": "x"}] * n),
        "map": pa.array([[("k", 1)]] * n, pa.map_(pa.string(), pa.int32())),
        "sparse": pa.UnionArray.from_sparse(kinds, [ints, ints]),
        "dense": pa.UnionArray.from_dense(kinds, offsets, [ints, ints]),
        "dictionary": pa.array(texts).dictionary_encode(),
        "run_end": pa.RunEndEncodedArray.from_arrays(pa.array([2, n], pa.int32()), ["x", "y"]),
        "string_view": pa.array(texts, pa.string_view()),
        "binary_view": pa.array([b"y" * 50] * n, pa.binary_view()),
        "input_ids": column(),
        "attention_mask": pa.array([[1]] * n, pa.list_(pa.int8())),
    }
    return [pa.table(columns)]


def huggingface(path):
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "input_ids": datasets.Sequence(datasets.Value("int64"))}
    )
    data = datasets.Dataset.from_dict(
        {"text": ["t"] * len(ROWS), "input_ids": ROWS}, features=features
    )
    with tempfile.TemporaryDirectory() as folder:
        data.save_to_disk(folder)
        os.replace(os.path.join(folder, "data-00000-of-00001.arrow"), path)


def main(folder):
    os.chdir(folder)
    write("file-list-int32.arrow", batches(column()))
    write("file-list-int64.arrow", batches(column(item=pa.int64())))
    write("file-large-list-int32.arrow", batches(column(pa.large_list)))
    write("file-large-list-int64.arrow", batches(column(pa.large_list, pa.int64())))
    write("stream-list-int32.arrow", batches(column()), stream=True)
    write("stream-list-int64.arrow", batches(column(item=pa.int64())), stream=True)
    write("stream-large-list-int32.arrow", batches(column(pa.large_list)), stream=True)
    write("stream-large-list-int64.arrow", batches(column(pa.large_list, pa.int64())), stream=True)
    write("stream-v4.arrow", batches(column()), stream=True, metadata_version=pa.ipc.MetadataVersion.V4)
    write("file-many-columns.arrow", many_columns())
    write("stream-many-columns.arrow", many_columns(), stream=True)
    huggingface("stream-huggingface.arrow")

    write("empty.arrow", [pa.table({"input_ids": column(rows=[])})])
    write("compressed-lz4.arrow", batches(column()), compression="lz4")
    write("compressed-zstd.arrow", batches(column()), stream=True, compression="zstd")
    write("null-row.arrow", batches(column(rows=[[1], [2], [3], None, [4]])))
    write("null-id.arrow", batches(column(rows=[[1], [2, None]])), stream=True)
    write("wide-id.arrow", batches(column(item=pa.int64(), rows=[[1], [2], [3], [4, 1 << 32]])))
    others = {
        "int32": pa.array([1, 2], pa.int32()),
        "string": pa.array(["x", "y"]),
        "list-uint32": column(item=pa.uint32()),
        "list-int16": column(item=pa.int16(), rows=[[1]]),
        "list-float": column(item=pa.float32()),
        "list-list": column(item=pa.list_(pa.int32()), rows=[[[1]]]),
        "fixed-list": pa.array([[1, 2]], pa.list_(pa.int32(), 2)),
        "list-view": column(pa.list_view),
        "list-dictionary": column(item=pa.dictionary(pa.int32(), pa.int32()), rows=[[1]]),
        "dictionary": pa.array([1, 1], pa.int64()).dictionary_encode(),
    }
    for name, values in others.items():
        write(f"type-{name}.arrow", [pa.table({"input_ids": values})])
    write("other-columns.arrow", [pa.table({"text": ["x"], "labels": [[1]]})])


main(sys.argv[1])
