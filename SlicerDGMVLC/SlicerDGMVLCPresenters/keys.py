"""The keys of the viewer, as the card says them."""

from __future__ import annotations

KEYS: tuple[tuple[str, str], ...] = (
    ("Wheel ↑ ↓", "next slice; Page keys by ten, Home and End to the ends"),
    ("1 2 3", "lung, mediastinum, bone window"),
    ("F", "fit the views"),
    ("P E D O", "while drawing: paint, erase, draw a line, ellipse"),
    ("Ctrl Z, Ctrl Y", "while drawing: undo, redo"),
    ("A R C", "review: accept, reject, comment on the shown region"),
    ("U", "review: undo the last decision and show it"),
    ("N P", "review: next, previous region"),
    ("E", "review: edit the shown region"),
    ("?", "this card"),
)
