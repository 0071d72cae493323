"""The demo data set: an invented shop whose customers behave as we planted it.

A user looks at an item with a chance that grows with the item's exposure, the user's taste for its category, and how
well it fits the child's age. Whether a look goes to the cart is a matter of style; whether it is bought, of price and
need. The three come from different latent factors, so that no single behavior tells all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from nmtr.data.activity import Clock
from nmtr.data.assemble import assemble
from nmtr.data.dataset import Dataset
from nmtr.data.rows import Rows

NAME = "demo"
NUM_USERS, NUM_ITEMS, NUM_STYLES = 2_000, 800, 6
STAGES = ("0-3 months", "3-6 months", "6-12 months", "1-2 years", "2-4 years")
_DAY = 86_400
_START = 1_735_689_600  # 1 January 2025, in seconds since 1970
_DAYS = 120

_COLORS = ("oat", "sage", "navy", "sky blue", "rust", "rose", "charcoal", "mustard")
_SIZES = ("small", "medium", "large", "extra large")
_PACKS = ("single", "pack of 2", "pack of 4", "family pack")

#: category -> (whether it depends on the child's age, variants, {product: usual price in euros})
_SHELVES: dict[str, tuple[bool, tuple[str, ...], dict[str, float]]] = {
    "Clothing": (True, _COLORS, {"Cotton romper": 14, "Knitted cardigan": 24, "Long-sleeved bodysuit": 9,
                                 "Fleece overall": 32, "Leggings": 11, "Sun hat": 10, "Rain jacket": 29}),
    "Shoes": (True, _COLORS, {"Soft-soled shoes": 19, "Wool slippers": 16, "Rubber boots": 22, "Sandals": 18}),
    "Toys": (True, ("wood", "fabric", "silicone"), {"Stacking rings": 13, "Rattle": 8, "Shape sorter": 19,
                                                  "Activity cube": 39, "Pull-along duck": 17, "Puzzle": 12}),
    "Books": (True, ("farm", "sea", "forest", "city"), {"Cloth book": 9, "Board book": 8, "Picture book": 12}),
    "Feeding": (True, _COLORS[:4], {"Bottle": 9, "Spoon set": 6, "Bib": 7, "Learning cup": 8, "Suction bowl": 11,
                                    "Snack box": 9}),
    "Nappies": (True, _PACKS, {"Disposable nappies": 16, "Night nappies": 18, "Swim nappies": 11,
                               "Cloth nappy": 22}),
    "Sleep": (True, _COLORS, {"Sleeping bag": 34, "Fitted sheet": 13, "Swaddle blanket": 15, "Pajamas": 17}),
    "Bath & care": (False, _PACKS, {"Mild baby shampoo": 5, "Bath oil": 7, "Wet wipes": 4, "Barrier cream": 6,
                                    "Hooded towel": 16, "Soft hair brush": 8}),
    "Out and about": (False, _COLORS, {"Stroller rain cover": 22, "Footmuff": 49, "Changing bag": 45,
                                       "Baby carrier": 79, "Travel cot": 89, "Sunshade": 18}),
    "Safety": (False, _PACKS, {"Socket covers": 5, "Corner guards": 6, "Cupboard locks": 9, "Night light": 15,
                              "Stair gate": 42}),
    "Kitchen": (False, _SIZES, {"Enamel saucepan": 28, "Glass storage jar": 8, "Mixing bowl": 12,
                                "Chopping board": 17, "Oven dish": 21}),
    "Cleaning": (False, _PACKS, {"Dish soap": 3, "All-purpose cleaner": 4, "Cotton cloths": 6, "Sponges": 3}),
    "Laundry": (False, _SIZES, {"Gentle detergent": 8, "Laundry basket": 19, "Drying rack": 34,
                                "Stain remover": 6}),
    "Home textiles": (False, _COLORS, {"Linen cushion cover": 15, "Cotton throw": 29, "Bath towel": 13,
                                       "Quilt cover": 44, "Table runner": 16}),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Truth:
    """What was planted: (M, N) float32 log-odds, before anything was drawn."""

    view: NDArray[np.float32]
    cart: NDArray[np.float32]  # of a viewed item
    buy: NDArray[np.float32]  # of a viewed item; added in full where it was carted

    @property
    def purchase(self) -> NDArray[np.float32]:
        """How the truth itself ranks the items: the log of a purchase's chance, up to a constant a user."""
        bought: NDArray[np.float32] = np.log((expit(self.cart) + np.float32(0.1)) * expit(self.buy))
        return self.view + bought


def generate(seed: int = 7) -> Dataset:
    """The demo data set; the same for the same seed."""
    return generate_with_truth(seed)[0]


def generate_with_truth(seed: int = 7) -> tuple[Dataset, Truth]:
    """The demo data set and the log-odds that it was drawn from."""
    random = np.random.default_rng(seed)
    shop = _shop(random)
    truth = _truth(shop, random)
    behaviors = ("view", "cart", "buy")
    user, item, behavior, time = _visits(truth, random)
    rows = Rows(
        user=user,
        item=item,
        behavior=behavior,
        users=np.array([f"u{number:04}" for number in range(1, NUM_USERS + 1)]),
        items=np.array([f"p{number:03}" for number in range(1, NUM_ITEMS + 1)]),
        behaviors=behaviors,
        time=time,
        clock=Clock(),
        attributes=shop[["title", "category", "price"]],
        catalogue=True,
    )
    dataset = assemble(
        rows,
        name=NAME,
        source="generated",
        licence="free to use, like the program",
        synthetic=True,
        remark=f"Invented by a generator (seed {seed}), no real shop or customer: ",
    )
    return dataset, truth


def _shop(random: np.random.Generator) -> pd.DataFrame:
    """N products with a title, category and price, and the stage they fit (-1: any)."""
    products = []
    for category, (staged, variants, prices) in _SHELVES.items():
        for product, price in prices.items():
            for variant in variants:
                for stage in range(len(STAGES)) if staged else (-1,):
                    title = f"{product}, {variant}" + (f", {STAGES[stage]}" if staged else "")
                    products.append((title, category, price, stage))
    shop = pd.DataFrame(products, columns=["title", "category", "usual_price", "stage"])
    # Every category gets its share, however many variants it happens to have.
    share = 1 / shop.groupby("category")["title"].transform("size").to_numpy()
    chosen = random.choice(len(shop), NUM_ITEMS, replace=False, p=share / share.sum())
    shop = shop.iloc[chosen].reset_index(drop=True)
    asked = shop["usual_price"].to_numpy() * np.exp(random.normal(0, 0.25, NUM_ITEMS))
    shop["price"] = np.maximum(np.round(asked) - 0.01, 1.99).round(2)
    return shop


def _truth(shop: pd.DataFrame, random: np.random.Generator) -> Truth:
    """Tastes of M users for N items, one set of latent factors for each step of the funnel."""
    categories = pd.Categorical(shop["category"], categories=list(_SHELVES)).codes
    taste = np.log(random.dirichlet(np.full(len(_SHELVES), 0.3), NUM_USERS) + 0.004)
    exposure = random.permutation(-1.0 * np.log(np.arange(1, NUM_ITEMS + 1) + 15))
    child = random.uniform(-0.5, len(STAGES) - 0.5, (NUM_USERS, 1))
    stage = shop["stage"].to_numpy()
    misfit = np.where(stage < 0, 0.7, np.minimum(np.abs(child - stage), 2.5))
    view = 0.8 * exposure + 0.9 * taste[:, categories] - 1.2 * misfit

    style = random.normal(size=(NUM_USERS, NUM_STYLES)) @ random.normal(size=(NUM_STYLES, NUM_ITEMS))
    cart = 1.6 * style / np.sqrt(NUM_STYLES) + random.normal(0, 0.7, NUM_ITEMS)

    cost = np.log(shop["price"].to_numpy())
    thrift = random.gamma(1.5, 0.6, (NUM_USERS, 1))
    need = random.normal(size=(NUM_USERS, 3)) @ random.normal(size=(3, NUM_ITEMS))
    buy = -1.2 * thrift * (cost - cost.mean()) + 1.2 * need / np.sqrt(3) + random.normal(0, 0.7, NUM_ITEMS)
    return Truth(view.astype(np.float32), cart.astype(np.float32), buy.astype(np.float32))


def _visits(
    truth: Truth, random: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int8], NDArray[np.float64]]:
    """The shop's log: user, item, behavior and time (seconds since 1970) of every recorded event."""
    looks = np.clip(random.lognormal(np.log(34), 0.55, NUM_USERS), 10, 110).astype(int)
    # The largest of log-odds plus Gumbel noise are a draw without replacement.
    order = np.argsort(-(truth.view + random.gumbel(size=truth.view.shape)), axis=1)
    user = np.repeat(np.arange(NUM_USERS), looks)
    item = np.concatenate([items[:count] for items, count in zip(order, looks, strict=True)])

    cart, buy = truth.cart[user, item], truth.buy[user, item]
    carted = random.random(len(user)) < expit(_centered(cart, 0.23))
    bought = random.random(len(user)) < expit(_centered(buy + 3 * carted, 0.13))
    bought |= _first_two_of_each(user, np.where(bought, np.inf, cart + buy))
    # Some shop on a second device, logged out until they pay: the look and the cart are never recorded.
    guest = bought & (random.random(len(user)) < 0.12)

    seen = _START + random.uniform(0, _DAYS * _DAY, len(user))
    put = seen + random.exponential(2 * _DAY, len(user))
    paid = put + random.exponential(1 * _DAY, len(user))
    steps = [(~guest, seen), (carted & ~guest, put), (bought, paid)]
    return (
        np.concatenate([user[happened] for happened, _ in steps]).astype(np.int32),
        np.concatenate([item[happened] for happened, _ in steps]).astype(np.int32),
        np.repeat(np.arange(3, dtype=np.int8), [happened.sum() for happened, _ in steps]),
        np.concatenate([time[happened] for happened, time in steps]),
    )


def _first_two_of_each(user: NDArray[np.intp], value: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each row has one of its user's two largest values; users are sorted, with two rows or more."""
    order = np.lexsort((-value, user))
    start = np.searchsorted(user, np.arange(NUM_USERS))
    chosen = np.zeros(len(user), np.bool_)
    chosen[order[start]] = chosen[order[start + 1]] = True
    return chosen


def _centered(logits: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """The logits, shifted so that their probabilities average to the share."""
    low, high = -20.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if expit(logits + np.float32(middle)).mean() < share else (low, middle)
    return logits + np.float32(low)
