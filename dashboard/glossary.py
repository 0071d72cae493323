"""What the pages' words mean, in plain words first: the one source of the glossary page and of every "?"."""

from __future__ import annotations

from typing import NamedTuple


class Word(NamedTuple):
    """One entry: what it means in a sentence or two, and how it is written where there is a symbol for it."""

    means: str
    symbol: str = ""


GLOSSARY: dict[str, Word] = {
    "behavior": Word(
        "Something that shoppers do with items, as viewing, putting into the cart, buying. Data sets name their own, "
        "and each keeps its color and sign on all pages.",
        "r",
    ),
    "target": Word(
        "The behavior that is to be predicted, mostly the purchase. It is the last step; the behaviors before it are "
        "called lower.",
        "R",
    ),
    "cascade": Word(
        "The chain in which the model thinks: the score for viewing an item is part of the score for carting it, and "
        "that is part of the score for buying it. So what is seen often helps where little is bought.",
    ),
    "stage": Word("One step of the cascade: one behavior with its own part, its item bias and what it inherits."),
    "inherited": Word(
        "What a stage takes over from the stage before: all of its score in the usual cascade. The first stage "
        "inherits nothing."
    ),
    "own part": Word(
        "What this shopper and this item make of each other in one behavior. It is high where similar shoppers did "
        "this with similar items.",
        "f(p, q)",
    ),
    "item bias": Word(
        "How often an item is chosen by everybody, whoever the shopper is. Well-liked items have a high one.", "b"
    ),
    "score": Word(
        "The number that a stage ends with; lists are ordered by the last stage's. With a log loss it is in log-odds: "
        "each 0.7 more doubles the odds.",
        "logit",
    ),
    "chance": Word(
        'How likely it is that the shopper\'s next purchase is this item, as "about 1 in 40". It comes from the score, '
        "corrected for how the model was trained, and checked on hidden purchases."
    ),
    "held-out purchase": Word(
        "One purchase of each shopper that no model may see in training. A model is good if it puts this item far up "
        "in the shopper's list.",
        "★",
    ),
    "validation": Word(
        "A second hidden purchase of each shopper, on which training and choices are judged. The held-out purchases, "
        "the test, are looked at only when all is chosen."
    ),
    "rank": Word("The place of an item in a shopper's list of everything they have not bought yet; 1 is the top."),
    "hit at k": Word("A shopper whose held-out purchase is among the first k items of their list is a hit at k."),
    "HR@k": Word(
        "Hit rate: the share of shoppers who are a hit at k. HR@100 of .57 means that 57 of 100 shoppers find their "
        "next purchase among their first 100 items.",
        "HR@k",
    ),
    "NDCG@k": Word(
        "Like HR@k, but a hit further up counts more: 1 at the top, .5 at place 3, nothing after place k.", "NDCG@k"
    ),
    "standard": Word(
        "The protocol of the papers: purchases are held out, but the view or cart of the same item stays in training. "
        "That gives many answers away, so figures are higher than what a shop would see."
    ),
    "clean": Word(
        "The protocol in which the lower behaviors of a held-out purchase are hidden, too. Nothing gives the answer "
        "away, so it tells how well a model predicts."
    ),
    "leak": Word(
        "What gives a test answer away in training: the shopper's view or cart of the very item that is held out. "
        "Clean hides it, standard does not."
    ),
    "loss weight": Word(
        "How much each behavior counts while the model learns; the weights add up to 1. Too much on views and it "
        "learns what is looked at, too little and it learns from purchases alone.",
        "λ",
    ),
    "unit": Word(
        "The part of a stage that tells how well shopper and item match. GMF multiplies what was learned of both, MLP "
        "is a small neural network, NeuMF has both side by side.",
        "GMF, MLP, NeuMF",
    ),
    "epoch": Word(
        "One pass of the training over all data. The epoch with the best validation is the one that is kept."
    ),
    "run": Word("One training of one model on one data set with one set of options, and what came of it."),
    "run id": Word("The eight letters and digits that name a run, such as nlmnsdkn. Links and files carry it."),
    "pinned": Word("The run that somebody chose to speak for its data set: pages open on it."),
    "best alternative": Word(
        "Of all other trained methods that are no NMTR, simple rules included, the one with the best validation. What "
        "NMTR is worth is how far it is ahead of that."
    ),
    "interval": Word(
        "How far the figure may be off because these shoppers were tested and not others: ranges made this way hold "
        "the true figure 95 times in 100. It is wide where few shoppers were tested.",
        "±",
    ),
    "may be chance": Word(
        "With other shoppers of the same kind the difference could as well be none. It is said where the corrected p "
        "is .05 or more.",
        "p",
    ),
    "seed": Word(
        "The number that random draws start from. The same seed repeats a run; other seeds show how much luck is in it."
    ),
}


def help_for(*words: str) -> str:
    """The text of a "?" that explains these words."""
    return "\n\n".join(f"**{word[0].upper()}{word[1:]}**: {GLOSSARY[word].means}" for word in words)


def matching(asked: str) -> dict[str, Word]:
    """The words that have the text in their name, symbol or meaning, whatever its case."""
    wanted = asked.strip().lower()
    return {word: entry for word, entry in GLOSSARY.items() if wanted in f"{word} {entry.symbol} {entry.means}".lower()}
