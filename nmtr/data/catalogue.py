"""The data sets that can be added by name, and the one way to add any data set to a library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from nmtr.config.resolving import check_behaviors
from nmtr.data.database import fetch_rows, is_database
from nmtr.data.database import shown as database_shown
from nmtr.data.dataset import Dataset
from nmtr.data.demo import generate
from nmtr.data.download import Progress, download
from nmtr.data.importing import chosen
from nmtr.data.library import Library, check_name
from nmtr.data.preview import Preview
from nmtr.data.published import Entry, Published, blob_id, check_content
from nmtr.data.reading import PREVIEW, Order, memory_for, read_apart
from nmtr.data.recipe import Recipe
from nmtr.errors import DataError, option

__all__ = ["CATALOGUE", "Entry", "Published", "add", "blob_id"]

_ENTRIES = (
    Entry(
        name="demo",
        title="Demo shop",
        description="An invented shop of baby and household products, with a planted funnel from view to buy.",
        behaviors=("view", "cart", "buy"),
        users=2_000,
        items=800,
    ),
    Entry(
        name="beibei",
        title="Beibei",
        description="The NMTR paper's data of a Chinese shop for maternity and baby products. Views are fetched; "
        "a local folder without pv.txt gives carts and purchases.",
        behaviors=("view", "cart", "buy"),
        users=21_716,
        items=7_977,
        repository="chenchongthu/GHCF@5ca2d693410c90721a980bab609bfab140fa30b1/Data/Beibei",
        files=(
            Published("pv.txt", "view", ("856fa9c2c97edd68f2ab7e630274c6582f5d1e03",), needed=False),
            Published("cart.txt", "cart", ("9bf731c9857847ff0e3f6b5f2aeaf81c6f970bcf",)),
            Published("train.txt", "buy", ("b676c41a780106e6041a8aebe20712b4289bafe6",)),
            Published("test.txt", "buy", ("1a6a854f05b2ee44d25bcbe16e3814d6995634a5",)),
        ),
    ),
    Entry(
        name="tmall",
        title="Tmall",
        description="Views, carts and purchases of a large Chinese marketplace, as used by MB-CGCN.",
        behaviors=("view", "cart", "buy"),
        users=15_449,
        items=11_953,
        repository="SS-00-SS/MBCGCN@931f9c103817cdfa280353c506f4e3cb08306a1c/Data",
        files=(
            Published(
                "view/train.txt",
                "view",
                # The second holds the same pairs with each user's items sorted.
                ("dede34ac488b9302c596cc0695c51dcabdd001ba", "9502178f0aa9a3d3c4b5eab15134cb346e3b8279"),
            ),
            Published("cart/train.txt", "cart", ("0054c01d8c35094d2c7a13fe242fe20f5290fcba",)),
            Published("buy/train.txt", "buy", ("c482a5088259610bf9f4dd80a23a360c21d98e91",)),
            Published("buy/test.txt", "buy", ("1fdd50716d11b9ffd78d41465696e4765c7d037b",)),
        ),
        remark="Without the views and carts that the publisher held out: ",
    ),
    Entry(
        name="beibei_1k",
        title="Beibei, 1,000 users",
        description="The first 1,000 users of Beibei, with views, over the whole catalogue of items. "
        "Only from a local folder.",
        behaviors=("view", "cart", "buy"),
        users=1_000,
        items=7_977,
        files=(
            Published("pv_mini.txt", "view", ("fd8163a502eccb28ea868f851242bf90ea211a1a",)),
            Published("cart_mini.txt", "cart", ("4581f5d8bc5e1de6651d32e265e062d36b1371e5",)),
            Published("train_mini.txt", "buy", ("28a0139f776588ee2617b91fd2111d37ef0c1f4e",)),
            Published("test_mini.txt", "buy", ("32053c85e7067a3d3e0abfe83e10a6f8d5628344",)),
        ),
    ),
)
CATALOGUE: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}


_FOR_EVENTS = (
    "query",
    "delimiter",
    "merged",
    "dates",
    "skip_bad",
    "implied",
    "least_of_user",
    "least_of_item",
    "hold_out",
    "cut_later",
)


def add(
    library: Library,
    name: str,
    source: str | Path | None = None,
    behaviors: Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    *,
    label: str | None = None,
    recipe: Recipe | None = None,
) -> Dataset:
    """Add a data set to the library, whole or not at all.

    Without a source, it is the catalogue's of that name: generated, or fetched and checked against git's blob ids.
    With one (a file, folder, http address, or a database's, which the recipe's query is asked of), it is read from
    there (see `importing.read`), in a process of its own; a name of the catalogue needs the catalogue's own files
    there. `label` is what to call the source: an upload's name, say. `recipe` says all that is to be chosen;
    `behaviors` and `columns`, where given, are in place of its own. What
    it leaves out since it cannot be read is in `skipped.csv` beside the data set. `progress` is called with what is
    done and its share, several times a second; if it raises, what was begun is ended and removed. DataError where the
    name is taken, the source is missing, malformed or not what it should be, it takes too much memory, or the disk is
    full.
    """
    check_name(name)
    library.check_free(name)
    entry = CATALOGUE.get(name)
    recipe = chosen(recipe, behaviors, columns)
    behaviors = recipe.behaviors
    _check_options(entry, name, source, recipe)
    tell = progress or (lambda what, share: None)
    with library.staging() as place:
        if entry and not entry.files:
            if source is not None:
                raise DataError(f"{name} is generated, not read; choose another name for {label or _shown(source)}.")
            tell("generating", 0.0)
            library.save(generate().select(behaviors or entry.behaviors))
            return library.load(name)
        if source is None and entry:
            path = _fetched(entry, behaviors, place, tell)
        else:
            path = _local(source or "", recipe.query, place, tell)
        order = Order(
            name=name,
            path=str(path),
            source=label or (name if source is None else _shown(source)),
            place=str(place),
            entry=entry,
            known=_known(),
            recipe=recipe,
            memory=memory_for(path),
        )
        read_apart(order, tell)
        library.take_in(place / name)
    return library.load(name)


def _known() -> dict[str, str]:
    """The blob id of each published file of the catalogue -> the data set that it belongs to, and where it is from."""
    return {
        blob: f"data set {entry.name} ({entry.source})"
        for entry in CATALOGUE.values()
        for file in entry.files
        for blob in file.blobs
    }


def _check_options(entry: Entry | None, name: str, source: str | Path | None, recipe: Recipe) -> None:
    """DataError where what is asked for cannot be, whatever the source holds."""
    if entry is None:
        if source is None:
            raise DataError(
                f"a data set without a source must be one of the catalogue's ({', '.join(CATALOGUE)}); got "
                f"{name}: say where it comes from with {option('from')}, or upload it."
            )
        return
    if recipe.columns:
        raise DataError(f"{option('columns')} is for events, but {name} has a layout of its own; leave it out.")
    if asked := [field for field in _FOR_EVENTS if getattr(recipe, field) != getattr(Recipe(), field)]:
        raise DataError(f"{option(asked[0].replace('_', '-'))} is for events, but {name} has none; leave it out.")
    if recipe.behaviors:
        check_behaviors(recipe.behaviors, entry.behaviors, name)


def _fetched(entry: Entry, behaviors: Sequence[str] | None, place: Path, tell: Progress) -> Path:
    """A folder of the entry's files of these behaviors, fetched and checked."""
    if entry.repository is None:
        names = ", ".join(file.path for file in entry.files)
        raise DataError(
            f"{entry.name} can only be added from a local folder with {names}; name it with {option('from')}."
        )
    folder = place / ".fetched"
    folder.mkdir()
    wanted = [f for f in entry.files if behaviors is None or f.behavior in behaviors]
    for number, published in enumerate(wanted):

        def tell_file(what: str, share: float, number: int = number) -> None:
            tell(what, (number + share) / len(wanted))

        download(entry.address(published), folder / published.name, tell_file)
        check_content(entry, published, folder / published.name, published.path)
    return folder


def _is_address(source: str | Path | None) -> bool:
    return isinstance(source, str) and source.startswith(("http://", "https://"))


def _shown(source: str | Path | None) -> str:
    """What to call a source: a file's name, or an address without what may be secret in it."""
    if is_database(source):
        return database_shown(str(source))
    if _is_address(source):
        address = urlsplit(str(source))
        return f"{address.scheme}://{address.hostname}{address.path}"
    return Path(source or "").expanduser().absolute().name


def _local(source: str | Path, query: str | None, place: Path, tell: Progress) -> Path:
    """The source as a path that is there: itself, or fetched."""
    if is_database(source) and query is None:
        raise DataError(
            f"a database is read by a query, but none was given for {_shown(source)}: write it with {option('query')}."
        )
    if query is not None and not is_database(source):
        raise DataError(f"a query is for a database, but {_shown(source)} is none: leave {option('query')} out.")
    if query is not None:
        path = place / ".source.csv"
        fetch_rows(str(source), query, path, tell)
        return path
    if _is_address(source):
        path = place / ".source"
        download(str(source), path, tell)
        return path
    path = Path(source).expanduser().absolute()
    try:
        path.stat()
    except OSError as error:
        raise DataError(
            f"a data set's source must be a file or folder that can be read; {path} is not ({error.strerror}): "
            "name another."
        ) from None
    return path


def preview(
    library: Library,
    source: str | Path,
    recipe: Recipe | None = None,
    progress: Progress | None = None,
    *,
    label: str | None = None,
) -> Preview:
    """What `add` would make of a source, with nothing added; read in a process of its own, as there.

    What is wrong with the source is in the preview; DataError where it is missing, takes too much memory, or the disk
    is full.
    """
    tell = progress or (lambda what, share: None)
    with library.staging() as place:
        path = _local(source, (recipe or Recipe()).query, place, tell)
        order = Order(
            name="preview",
            path=str(path),
            source=label or _shown(source),
            place=str(place),
            recipe=recipe or Recipe(),
            memory=memory_for(path),
            preview=True,
            known=_known(),
        )
        read_apart(order, tell)
        return Preview.model_validate_json((place / PREVIEW).read_bytes())


def rebuild(
    library: Library, name: str, source: str | Path, new: str, progress: Progress | None = None
) -> tuple[Dataset, bool]:
    """Add a data set `new`, made of a source by the recipe of another; and whether both hold the same.

    DataError where an older version made that one, which kept no recipe, or as `add` has it.
    """
    known = library.info(name)
    if known.recipe is None:
        raise DataError(f"a data set is rebuilt by its recipe, but that of {name} was not kept; add it anew.")
    made = add(library, new, source, progress=progress, recipe=known.recipe)
    return made, made.fingerprint == known.fingerprint
