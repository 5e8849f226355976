"""The keys of the viewer, as the card says them."""

from __future__ import annotations

REVIEW_KEYS = (
    ("A", "accept"),
    ("R", "reject"),
    ("U", "undo"),
    ("C", "comment"),
    ("X", "without it"),
    ("N J", "next"),
    ("P K", "previous"),
)  # of the review, as its legend shows them
KEYS: tuple[tuple[str, str], ...] = (
    ("Wheel ↑ ↓", "next slice; Page keys by ten, Home and End to the ends"),
    ("1 2 3", "lung, mediastinum, bone window"),
    ("F", "fit the views"),
    ("V L M", "left button: window and level, length, mean ± SD of an area"),
    ("Click", "the other planes go there; Escape takes marks away"),
    ("G", "to the largest change"),
    ("X", "hold: the original in the place of the counterfactual; review: without the region"),
    ("S", "slab: slice, then the highest HU of 10, 20, 30 mm"),
    ("P E D O", "while drawing: paint, erase, draw a line, ellipse"),
    ("Ctrl Z, Ctrl Y", "undo, redo: while drawing of the region, else of the last run"),
    ("A R C", "review: accept, reject, comment on the shown region"),
    ("U", "review: undo the last decision and show it"),
    ("N P", "review: next, previous region"),
    ("E", "review: edit the shown region"),
    ("?", "this card"),
)
