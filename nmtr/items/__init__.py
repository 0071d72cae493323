"""What a run says of items over all shoppers: their stage scores, their funnels and what the run expects of them."""

from nmtr.items.chances import Probability, chance_of_learning
from nmtr.items.map import ItemMap, item_map
from nmtr.items.single import Item, one_item
from nmtr.items.table import Items, all_items

__all__ = ["Item", "ItemMap", "Items", "Probability", "all_items", "chance_of_learning", "item_map", "one_item"]
