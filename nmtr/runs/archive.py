"""A finished run as one file that can be taken to another machine.

The file is a zip of exactly these members: `manifest.json` (format, and of every other member its size and SHA-256),
`run.json` (config, times, figures), `data.json` (what `dataset.json` says of the data set), `reports.json` (the series
of epochs), `ranks.safetensors` (M ranks each, float64), `weights.safetensors` (the model's tensors; none of a rule) and
`log.txt`. The same run gives the same bytes.

Reading trusts nothing. Members are found by name and never become paths. Tensors are stored uncompressed, so that none
can be larger than the file itself, and text may be so large only; both are held to while reading. Then sizes, hashes,
the config, and the names, shapes and dtypes of all tensors must be those of a run of that config on data of that size,
the figures those of the ranks, and all else that is said of it possible (`plausible`). Nothing is unpickled. What is
read is in memory until all of it is verified.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, TypeVar

import numpy as np
import psutil
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from nmtr.config import RunConfig
from nmtr.data.behaviors import order_behaviors
from nmtr.data.library import DatasetInfo, check_name
from nmtr.errors import RunError
from nmtr.evaluation.ranking import Ranks
from nmtr.evaluation.result import Result
from nmtr.runs import checkpoint, plausible
from nmtr.runs.job import LOG
from nmtr.runs.labels import Labels
from nmtr.runs.store import Run, RunStore
from nmtr.training.report import EpochReport

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 2  # since 2 with a run's name, tags and note
DATA = "data.json"  # also in the folder of a run that came from elsewhere: its data set need not be here
_RANKS, _WEIGHTS = "ranks.safetensors", "weights.safetensors"
#: The most bytes that each member of text may have; tensors have no more than the archive.
_TEXTS = {"manifest.json": 1 << 16, "run.json": 1 << 20, DATA: 1 << 20, "reports.json": 1 << 25, LOG: 1 << 23}
_MEMBERS = (*_TEXTS, _RANKS, _WEIGHTS)
_MOST = 2**31 - 1  # users, items: they are numbered in int32
_COPIES = 3  # of what an archive holds, at most in memory while it is verified
_MADE = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can give its members

T = TypeVar("T")
_Time = Annotated[float, Field(ge=0, lt=1e11)]  # seconds, that can also be a date
_Epoch = Annotated[int, Field(ge=0, le=10_000)]
#: The tensors that a run of a config has for so many users and items; they need hold no values.
Expected = Callable[[RunConfig, int, int], Mapping[str, "Tensor"]]


class Saved(Labels):
    """What `run.json` says: the run's columns in the store, but for those that only a process here has."""

    id: str = Field(pattern="^[a-z2-7]{8}$")
    config: dict[str, Any]
    fingerprint: str = Field(pattern="^[0-9a-f]{16}$")
    created: _Time
    started: _Time | None
    finished: _Time | None
    epoch: _Epoch
    epochs: _Epoch
    seconds: _Time
    result: Result


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything that a finished run left."""

    saved: Saved
    data: DatasetInfo
    reports: tuple[EpochReport, ...]
    ranks: dict[str, Ranks]
    weights: dict[str, Tensor]
    log: bytes


def contents_of(store: RunStore, run: Run, data: DatasetInfo | None) -> Contents:
    """What a run that is done left here.

    data: its data set, where that is still here as it was. Raises RunError where neither that nor what an archive once
    said of it is here, or where a file of the run is damaged.
    """
    folder = store.folder(run.id)
    if data is None:
        if not (folder / DATA).is_file():
            raise RunError(
                f"run {run.id} needs data set {run.config.data} as it was trained on to be exported, for its sizes: "
                f"bring that one back."
            )
        try:
            data = DatasetInfo.model_validate_json((folder / DATA).read_bytes())
        except (OSError, ValidationError) as error:
            raise RunError(
                f"run {run.id} needs {folder / DATA} to be whole to be exported, and it is damaged: bring data set "
                f"{run.config.data} back, or delete the run and import it again."
            ) from error
    values = {name: getattr(run, name) for name in Saved.model_fields}
    log = folder / LOG
    return Contents(
        saved=Saved.model_validate(values | {"config": run.config.to_json()}),
        data=data,
        reports=store.reports(run.id),
        ranks=checkpoint.load_ranks(folder),
        weights=checkpoint.load_weights(folder) if run.config.uses("epochs") else {},
        log=log.read_bytes()[-_TEXTS[LOG] :] if log.is_file() else b"",
    )


def write(contents: Contents, file: BinaryIO) -> None:
    """Write the archive of a run."""
    members = {**_described(contents), DATA: _json(contents.data), LOG: contents.log}
    manifest = {
        "format": FORMAT,
        "nmtr": version("nmtr"),
        "members": {name: {"bytes": len(content), "sha256": _hash(content)} for name, content in members.items()},
    }
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in {"manifest.json": _json(manifest), **members}.items():
            info = zipfile.ZipInfo(name, _MADE)
            info.compress_type = zipfile.ZIP_DEFLATED if name in _TEXTS else zipfile.ZIP_STORED
            archive.writestr(info, content)


def read(file: BinaryIO, name: str, expected: Expected) -> Contents:
    """The run in an archive that goes by this name; RunError where it is anything but a whole one that fits itself."""
    _check_file(file, name)
    with _refused(name), zipfile.ZipFile(file) as archive:
        size = file.seek(0, os.SEEK_END)
        manifest = _parsed(_member(archive, "manifest.json", size))
        if manifest["format"] > FORMAT:
            raise RunError(
                f"{name} was written by a newer nmtr ({str(manifest['nmtr'])[:20]}, format {manifest['format']}; this "
                f"one knows {FORMAT}), so upgrade nmtr."
            )
        if sorted(info.filename for info in archive.infolist()) != sorted(_MEMBERS):
            raise ValueError(f"it must hold {', '.join(_MEMBERS)}, each once and nothing else")
        contents = {member: _member(archive, member, size) for member in _MEMBERS}
    with _refused(name):
        for member, content in contents.items():
            if member != "manifest.json" and manifest["members"][member] != {
                "bytes": len(content),
                "sha256": _hash(content),
            }:
                raise ValueError(f"{member} is not what its manifest says")
        return _verified(contents, expected)


def _check_file(file: BinaryIO, name: str) -> None:
    """RunError unless it is a file with an end, that memory has room for."""
    try:
        regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except io.UnsupportedOperation:  # it is in memory already
        return
    if not regular:
        raise RunError(
            f"{name} must be a file, as nmtr export writes it; it is a pipe, a device or the like: name that file."
        )
    size, free = file.seek(0, os.SEEK_END), psutil.virtual_memory().available
    if size > free / _COPIES:
        raise RunError(
            f"{name} is read into memory, so it may have {free / _COPIES / 2**30:.1f} GiB here now; it has "
            f"{size / 2**30:.1f} GiB: import it where more memory is free."
        )


def same(one: Contents, other: Contents) -> bool:
    """Whether two are the same run: config, times, figures, epochs, ranks and weights, to the bit; not its labels."""
    unlabeled = Labels().model_dump()
    one, other = (replace(each, saved=each.saved.model_copy(update=unlabeled)) for each in (one, other))
    return _described(one) == _described(other)


def insert(store: RunStore, contents: Contents) -> Run:
    """Add a run that was read to the store, whole or not at all; RunError where its id is taken or there is no room."""
    saved = contents.saved
    parent = store.folder(saved.id).parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=parent) as scratch:
            folder = Path(scratch) / saved.id
            folder.mkdir()
            checkpoint.save_weights(folder, contents.weights)
            checkpoint.save_ranks(folder, contents.ranks)
            (folder / DATA).write_bytes(_json(contents.data))
            if contents.log:
                (folder / LOG).write_bytes(contents.log)
            return store.insert_finished(saved.model_dump(mode="json"), contents.reports, folder)
    except OSError as error:
        raise RunError(f"an imported run needs room in {parent}, which cannot be written ({error.strerror}).") from None


def _described(contents: Contents) -> dict[str, bytes]:
    """The members that make the run what it is: neither its log, nor what is said of its data set."""
    from safetensors.numpy import save as save_arrays
    from safetensors.torch import save as save_tensors

    return {
        "run.json": _json(contents.saved),
        "reports.json": _json([report.model_dump(mode="json") for report in contents.reports]),
        _RANKS: save_arrays(contents.ranks),
        _WEIGHTS: save_tensors({name: tensor.contiguous() for name, tensor in contents.weights.items()}),
    }


def _json(value: Any) -> bytes:
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return (json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _member(archive: zipfile.ZipFile, name: str, size: int) -> bytes:
    """A member's bytes, no more than it may have; `size` is that of the whole archive."""
    info = archive.getinfo(name)
    if name not in _TEXTS and info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} must not be compressed")
    most = _TEXTS.get(name, size)
    if info.file_size > most or info.compress_size > size:
        raise ValueError(f"{name} must have {most:,} bytes at most")
    with archive.open(info) as stream:
        content = stream.read(most + 1)  # no more is ever unpacked, whatever is there
    if len(content) != info.file_size:
        raise ValueError(f"{name} has another size than it says")
    return content


def _verified(members: Mapping[str, bytes], expected: Expected) -> Contents:
    """The run that members hold; raises ValueError, or whatever else is wrong with them."""
    from safetensors.numpy import load as load_arrays
    from safetensors.torch import load as load_tensors

    saved = _of(Saved, members["run.json"], "run.json")
    data = _of(DatasetInfo, members[DATA], DATA)
    reports = _of(TypeAdapter(tuple[EpochReport, ...]), members["reports.json"], "reports.json")
    config = RunConfig.parse(saved.config)
    check_name(data.name)
    order_behaviors(data.behaviors, data.behaviors, DATA)
    if (config.data, saved.fingerprint) != (data.name, data.fingerprint):
        raise ValueError("run.json and data.json are of different data sets")
    ranks = load_arrays(members[_RANKS])
    if not 0 < data.users <= _MOST or not 0 < data.items <= _MOST:
        raise ValueError(f"users and items must be 1 to {_MOST:,}")
    if config.resolve(data.behaviors, data.users) != config:
        raise ValueError("its config leaves open what a run's has settled")
    lower = {f"lower:{behavior}" for behavior in config.behaviors[:-1] if config.hold_out_lower}
    if set(ranks) != {"valid", "test"} | lower or any(not _are_ranks(found, data) for found in ranks.values()):
        raise ValueError(f"{_RANKS} must hold a rank below {data.items} or none for each of {data.users} users")
    plausible.check_result(config, saved.result, ranks)
    plausible.check_reports(config, reports)
    created = data.created.timestamp()
    plausible.check_times({n: getattr(saved, n) for n in ("created", "started", "finished")} | {DATA: created})
    if not saved.epoch <= saved.epochs <= config.epochs:
        raise ValueError(f"run.json must have {config.epochs} epochs at most")
    weights = load_tensors(members[_WEIGHTS])
    wanted = expected(config, data.users, data.items)
    if _shapes(weights) != _shapes(wanted):
        raise ValueError(f"{_WEIGHTS} must hold the tensors of {config.label} for {data.users} users, and does not")
    if not all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        raise ValueError(f"{_WEIGHTS} must hold finite numbers")
    # Options that came after the archive was written have their defaults, as in the store.
    saved = saved.model_copy(update={"config": config.to_json()})
    return Contents(saved, data, reports, ranks, weights, members[LOG])


def _are_ranks(found: Ranks, data: DatasetInfo) -> bool:
    known = found[~np.isnan(found)] if found.dtype == np.float64 and found.shape == (data.users,) else None
    return known is not None and bool(((known >= 0) & (known < data.items)).all())


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[Any, ...]]:
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in tensors.items()}


def _parsed(content: bytes) -> Any:
    """JSON whose numbers are all finite."""
    return json.loads(content, parse_float=_finite, parse_constant=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number


def _of(kind: type[T] | TypeAdapter[T], content: bytes, member: str) -> T:
    adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
    try:
        return adapter.validate_python(_parsed(content))
    except ValidationError:
        raise ValueError(f"{member} does not hold what it should") from None


@contextmanager
def _refused(name: str) -> Iterator[None]:
    """Turns whatever damaged or forged bytes raise into one sentence: they raise whatever they happen to decode to."""
    try:
        yield
    except RunError:
        raise
    except Exception as error:
        detail = " ".join(str(error).split()).rstrip(".")[:200] or type(error).__name__
        raise RunError(
            f"{name} must be a whole archive of a run, as nmtr export writes it, but is damaged or something else "
            f"({detail}); get it again."
        ) from error
