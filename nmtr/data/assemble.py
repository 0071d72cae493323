"""From rows of any source to a data set: merge, drop, hold out, number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmtr.data.activity import activity, last_days
from nmtr.data.cleaning import at_least, implied
from nmtr.data.dataset import Dataset, IntArray, Origin, matrix_of
from nmtr.data.recipe import Recipe
from nmtr.data.rows import TEST, TRAIN, VALID, Rows
from nmtr.errors import DataError, option

_NONE = -1
_SAMPLE = 1  # a stream of random numbers of its own


def assemble(
    rows: Rows,
    *,
    name: str,
    source: str,
    recipe: Recipe | None = None,
    licence: str = "not stated",
    synthetic: bool = False,
    remark: str = "",
) -> Dataset:
    """Make a data set of rows.

    Duplicates are merged to the earliest. Users without a target interaction are dropped. One target interaction is
    held out of each user with two or more: the last by time where there are times (of several at that time one drawn at
    random, seeded), else one that the source says is for testing, else one drawn at random (seeded). With `split_first`
    what the source says comes before times; with `cut_later` everything of a user at or after the held-out one is left
    out. Where the source decides, what else it holds out of them is
    left out, lower behaviors included. `origin.made` says what was done, after the `remark`. Raises DataError where
    no user has a target interaction, or a behavior is left without rows.
    """
    target = rows.behaviors[-1]
    done = list(rows.notes) or [f"{_count(len(rows.user), 'row')} read"]
    given, recipe = recipe, recipe or Recipe()
    by_part = _by_part(rows, recipe, source)
    rows = _with_split(rows, recipe, by_part, done)
    rows = _merged_and_cleaned(rows, recipe, done)
    rows, purchases = _of_buyers(rows, recipe, source, done)
    test, valid, how = _held_out(rows, purchases, recipe, by_part)
    if recipe.cut_later:
        rows, test = _without_later(rows, test, recipe, by_part, source, done)
    user_number, users = _numbered(purchases > 0)
    item_number, items = _numbered(_kept_items(rows, done))
    keep = _learned_from(rows, test, valid, by_part, done)
    matrices = []
    for number, behavior in enumerate(rows.behaviors):
        chosen = np.flatnonzero(keep & (rows.behavior == number))
        if not len(chosen):
            raise DataError(
                f"every behavior needs rows to learn from, of users who have a {target}; {source} holds none of "
                f"{behavior}: leave it out with {option('behaviors')}."
            )
        pairs = user_number[rows.user[chosen]], item_number[rows.item[chosen]]
        matrices.append(matrix_of(*pairs, (len(users), len(items))))

    def items_of(held_out: NDArray[np.intp]) -> IntArray:
        found = np.full(len(users), _NONE, np.int32)
        found[user_number[rows.user[held_out]]] = item_number[rows.item[held_out]]
        return found

    done += [f"held out of {_count(len(test), 'user')}: {how}", f"{_count(len(users) - len(test), 'user')} not tested"]
    done += _came_later(rows, test, keep)
    # "no duplicates merged" is not worth saying.
    steps = tuple(step for step in done if not step.startswith("no "))
    last_day = when = None
    if rows.time is not None and rows.clock is not None:
        last_day = last_days(user_number[rows.user], rows.time, keep, rows.clock, len(users))
        keep[test] = True
        when = activity(rows.behavior, rows.time, keep, rows.clock, rows.behaviors)
    attributes = rows.attributes
    return Dataset(
        name=name,
        behaviors=rows.behaviors,
        matrices=tuple(matrices),
        test_item=items_of(test),
        given_valid_item=items_of(valid),
        users=rows.users[users],
        items=rows.items[items],
        origin=Origin(source, licence, f"{remark}{', '.join(steps)}.", synthetic, steps, given),
        attributes=None if attributes is None else attributes.iloc[items].reset_index(drop=True),
        last_day=last_day,
        activity=when,
    )


# What is done, one step after the other; each adds to `done` what it did, in words.


def _with_split(rows: Rows, recipe: Recipe, by_part: bool, done: list[str]) -> Rows:
    """Without what the source holds out of lower behaviors, where its split decides; else the split is not used."""
    if recipe.hold_out == "random" and rows.part is not None:
        done.append("the source's split not used, as asked for")
        return replace(rows, part=None)
    if by_part and rows.part is not None:
        unused = (rows.part != TRAIN) & (rows.behavior < len(rows.behaviors) - 1)
        done.append(f"{_count(unused.sum(), 'held-out row')} of lower behaviors left out")
        return rows.take(np.flatnonzero(~unused))
    if rows.part is not None and bool((rows.part != TRAIN).any()):
        named = bool((rows.part == TEST).any())
        done.append("the split not used since " + ("there are times" if named else "it names no test rows"))
    return rows


def _merged_and_cleaned(rows: Rows, recipe: Recipe, done: list[str]) -> Rows:
    merged = _merged(rows)
    duplicates = rows.duplicates + len(rows.user) - len(merged.user)
    done.append(f"{_count(duplicates, 'duplicate')} merged to the earliest")
    rows, cleaned = _cleaned(merged, recipe)
    done += cleaned
    return rows


def _of_buyers(rows: Rows, recipe: Recipe, source: str, done: list[str]) -> tuple[Rows, NDArray[np.intp]]:
    """The rows of users with a target interaction, or of a sample of them, and how many of it each user has."""
    target, is_target = rows.behaviors[-1], rows.behavior == len(rows.behaviors) - 1
    purchases = np.bincount(rows.user[is_target], minlength=len(rows.users))
    if not purchases.any():
        raise DataError(
            f"at least one user needs a {target} interaction, since {target} is what is recommended; "
            f"the {_count(len(rows.user), 'row')} of {source} hold none: check the order of the behaviors."
        )
    done.append(f"{_count((purchases == 0).sum(), 'user')} without a {target} dropped")
    left_out = _left_out(purchases > 0, recipe)
    if len(left_out):
        done.append(f"{_count(len(left_out), 'user')} left out of a sample (seed {recipe.seed})")
        purchases[left_out] = 0
    return rows.take(np.flatnonzero((purchases > 0)[rows.user])), purchases


def _without_later(
    rows: Rows, test: NDArray[np.intp], recipe: Recipe, by_part: bool, source: str, done: list[str]
) -> tuple[Rows, NDArray[np.intp]]:
    """Without what users did at or after their held-out interaction, and the places of those interactions then."""
    target = rows.behaviors[-1]
    if rows.time is None or by_part or recipe.hold_out == "random":
        raise DataError(
            f"leaving out what came later needs times by which a {target} is held out, but {source} has none, or a "
            f"split of its own that decides: leave {option('cut-later')} out."
        )
    later = rows.time >= _times_of(test, rows)[rows.user]
    later[test] = False
    done.append(f"{_count(later.sum(), 'pair')} at or after the held-out {target} left out")
    return rows.take(np.flatnonzero(~later)), (np.cumsum(~later) - 1)[test]


def _kept_items(rows: Rows, done: list[str]) -> NDArray[np.bool_]:
    """Which items stay: those that somebody touched, or all of a catalogue."""
    touched = np.zeros(len(rows.items), np.bool_)
    touched[rows.item] = True
    if rows.catalogue:
        done.append(f"{_count((~touched).sum(), 'item')} of the catalogue that nobody touched kept")
        return np.ones(len(rows.items), np.bool_)
    done.append(f"{_count((~touched).sum(), 'item')} that nobody else touched dropped")
    return touched


def _learned_from(
    rows: Rows, test: NDArray[np.intp], valid: NDArray[np.intp], by_part: bool, done: list[str]
) -> NDArray[np.bool_]:
    """Which rows are learned from: all but the held-out ones."""
    keep = np.ones(len(rows.user), np.bool_)
    keep[test] = False
    if by_part and rows.part is not None:
        # Of several purchases that the source holds out of a user one is tested on, and none is learned from.
        spare = keep & (rows.part != TRAIN) & np.isin(rows.user, rows.user[test])
        spare[valid] = False
        keep &= ~spare
        done.append(f"{_count(spare.sum(), 'further held-out row')} left out")
    return keep


def _came_later(rows: Rows, test: NDArray[np.intp], keep: NDArray[np.bool_]) -> list[str]:
    """How many pairs of lower behaviors are learned from that came after the user's held-out one, if any."""
    if rows.time is None:
        return []
    last = len(rows.behaviors) - 1
    after = int((keep & (rows.behavior < last) & (rows.time > _times_of(test, rows)[rows.user])).sum())
    target = rows.behaviors[-1]
    return [f"{_count(after, 'pair')} of lower behaviors that came after the held-out {target} kept"] if after else []


def _by_part(rows: Rows, recipe: Recipe, source: str) -> bool:
    """Whether the source's own split says what is held out; DataError where what the recipe asks for is not there."""
    target = rows.behaviors[-1]
    named = rows.part is not None and bool((rows.part == TEST).any())
    missing = {"source": not named, "last": rows.time is None}.get(recipe.hold_out, False)
    if missing:
        what = "a split of its own with test rows" if recipe.hold_out == "source" else "times"
        raise DataError(
            f"to hold out the {target} that was asked for, {source} must have {what}, and has none: choose otherwise "
            f"with {option('hold-out')}."
        )
    if recipe.hold_out != "auto":
        return recipe.hold_out == "source"
    return named and (rows.time is None or rows.split_first)


def _cleaned(rows: Rows, recipe: Recipe) -> tuple[Rows, list[str]]:
    """The merged rows as the recipe wants them, and what was done."""
    done = []
    if recipe.implied:
        rows, added = implied(rows)
        done.append(f"{_count(added, 'pair')} of lower behaviors added that later ones imply")
    if recipe.least_of_user or recipe.least_of_item:
        before = len(rows.user)
        rows, users, items = at_least(rows, recipe.least_of_user, recipe.least_of_item)
        gone = (("user", users, recipe.least_of_user), ("item", items, recipe.least_of_item))
        said = [f"{_count(number, kind)} with fewer than {least} pairs" for kind, number, least in gone if number]
        if said:
            done.append(f"{' and '.join(said)} left out, {_count(before - len(rows.user), 'pair')} with them")
    return rows, done


def _left_out(there: NDArray[np.bool_], recipe: Recipe) -> NDArray[np.intp]:
    """The users that a sample of those who are there leaves out, drawn by their order of labels."""
    users = np.flatnonzero(there)
    if recipe.sample_users is None or recipe.sample_users >= len(users):
        return users[:0]
    drawn = np.random.default_rng([recipe.seed, _SAMPLE]).permutation(len(users))
    return np.sort(users[drawn[recipe.sample_users :]])


def _times_of(test: NDArray[np.intp], rows: Rows) -> NDArray[np.float64]:
    """(users,) when each user's held-out row was; infinite where none is held out."""
    times = np.full(len(rows.users), np.inf)
    if rows.time is not None:
        times[rows.user[test]] = rows.time[test]
    return times


def _merged(rows: Rows) -> Rows:
    """Each (behavior, user, item) once, sorted: at its earliest time, and held out if any of its rows is."""
    key = rows.behavior.astype(np.int64)
    for numbers, size in ((rows.user, len(rows.users)), (rows.item, len(rows.items))):
        key *= size
        key += numbers
    order = np.argsort(key)
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    merged = rows.take(order[first])
    if len(first) == len(key):
        return merged
    if rows.time is not None:
        merged = replace(merged, time=np.minimum.reduceat(rows.time[order], first))
    # A pair for training and for testing would be learned from and tested on: it is for testing.
    return merged if rows.part is None else replace(merged, part=np.maximum.reduceat(rows.part[order], first))


def _held_out(
    rows: Rows, purchases: NDArray[np.intp], recipe: Recipe, by_part: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp], str]:
    """The rows held out for testing and those that the source names for validation; and how, in words."""
    target, seed = rows.behaviors[-1], recipe.seed
    eligible = (rows.behavior == len(rows.behaviors) - 1) & (purchases[rows.user] >= 2)
    # Drawn for every row, in the rows' sorted order, so that the draw does not depend on the source's order.
    chance = np.random.default_rng(seed).random(len(rows.user))
    nothing = np.empty(0, np.intp)
    if rows.time is not None and not by_part and recipe.hold_out != "random":
        test = _last_of_each(rows.user, rows.time, chance, eligible)
        latest = np.full(len(rows.users), np.nan)
        latest[rows.user[test]] = rows.time[test]
        at_once = np.bincount(rows.user[eligible & (rows.time == latest[rows.user])], minlength=len(rows.users))
        how = f"the last {target} by time"
        if tied := int((at_once > 1).sum()):
            how += f", of {_count(tied, 'user')} drawn among those at the same time (seed {seed})"
        return test, nothing, how
    if by_part and rows.part is not None:
        # A user whose purchases are all for testing is not tested on: theirs are learned from, as a lone one is.
        learned = np.zeros(len(rows.users), np.bool_)
        learned[rows.user[eligible & (rows.part != TEST)]] = True
        eligible &= learned[rows.user]
        test = _last_of_each(rows.user, rows.part, chance, eligible & (rows.part == TEST))
        valid = _last_of_each(rows.user, rows.part, chance, eligible & (rows.part == VALID))
        return test, valid, f"the {target} that the source names"
    return (
        _last_of_each(rows.user, chance, chance, eligible),
        nothing,
        f"one {target} drawn at random (seed {seed})",
    )


def _last_of_each(
    user: IntArray, value: NDArray[Any], chance: NDArray[np.float64], eligible: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Of each user with an eligible row, the eligible row with the largest value; ties by chance."""
    among = np.flatnonzero(eligible)
    among = among[np.lexsort((chance[among], value[among], user[among]))]
    return among[np.flatnonzero(np.diff(user[among], append=-1))]


def _numbered(kept: NDArray[np.bool_]) -> tuple[IntArray, NDArray[np.intp]]:
    """The new number of each kept one (-1 for the others), and the kept ones in order."""
    number = np.where(kept, np.cumsum(kept) - 1, _NONE).astype(np.int32)
    return number, np.flatnonzero(kept)


def _count(number: int | np.integer[Any], noun: str) -> str:
    """`no rows`, `1 row`, `1,200 rows`."""
    return f"{int(number):,} {noun}" + ("" if number == 1 else "s") if number else f"no {noun}s"
