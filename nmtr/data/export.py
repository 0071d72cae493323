"""A data set as a file of events, for other tools and for adding it elsewhere."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nmtr.data.dataset import Dataset, pairs_of

_PARTS = pa.array(["train", "valid", "test"])
_TRAIN, _VALID, _TEST = range(3)


def write_events(dataset: Dataset, file: BinaryIO) -> int:
    """Write a data set as Parquet with a pair a row: user, item, behavior, split and what is known of the item.

    Reading it with the same behaviors gives the same data set: the same labels, pairs and held-out pairs. Returns how
    many items are not in it, since nobody touched them: rows cannot tell of those.
    """
    touched = np.zeros(dataset.num_items, np.bool_)
    writer: pq.ParquetWriter | None = None
    try:
        for behavior, matrix in zip(dataset.behaviors, dataset.matrices, strict=True):
            users, items = pairs_of(matrix)
            parts = np.full(len(users), _TRAIN, np.int8)
            if behavior == dataset.target:
                parts[items == dataset.given_valid_item[users]] = _VALID
                tested = np.flatnonzero(dataset.test_item >= 0).astype(np.int32)
                users, items = np.append(users, tested), np.append(items, dataset.test_item[tested])
                parts = np.append(parts, np.full(len(tested), _TEST, np.int8))
            touched[items] = True
            table = _table(dataset, behavior, users, items, parts)
            writer = writer or pq.ParquetWriter(file, table.schema)
            writer.write_table(table)
    finally:
        if writer:
            writer.close()
    return int((~touched).sum())


def _table(
    dataset: Dataset, behavior: str, users: NDArray[np.int32], items: NDArray[np.int32], parts: NDArray[np.int8]
) -> pa.Table:
    columns = {
        "user": _named(users, dataset.users),
        "item": _named(items, dataset.items),
        "behavior": pa.DictionaryArray.from_arrays(np.zeros(len(users), np.int8), pa.array([behavior])),
        "split": pa.DictionaryArray.from_arrays(parts, _PARTS),
    }
    if dataset.attributes is not None:
        for name in dataset.attributes.columns:
            columns[str(name)] = pa.array(dataset.attributes[name], from_pandas=True).take(pa.array(items))
    return pa.table(columns)


def _named(numbers: NDArray[np.int32], labels: NDArray[np.str_]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(numbers, pa.array(labels.tolist(), pa.string()))
