"""What a run says of items over all shoppers: their stage scores, their funnels and what the run expects of them."""

from nmtr.items.chances import Probability, chance_of_learning
from nmtr.items.single import Item, one_item
from nmtr.items.table import Items, all_items

__all__ = ["Item", "Items", "Probability", "all_items", "chance_of_learning", "one_item"]
