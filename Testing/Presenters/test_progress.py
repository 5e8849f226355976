"""Progress on a clock of its own: never backwards, and the time left is of what remains."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from SlicerDGMVLCPresenters.progress import Costs, Progress

STAGES = ("loading", "reading", "editing", "writing")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def run(costs, seconds, steps=10):
    """A run whose stages take `seconds`; yields (true time left, progress)."""
    clock = Clock()
    progress = Progress("run", costs, clock)
    for index, stage in enumerate(STAGES):
        for step in range(steps):
            progress.told(stage, step / steps)
            yield sum(seconds[index:]) - seconds[index] * step / steps, progress
            clock.now += seconds[index] / steps
    progress.finished()
    assert progress.share == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STAGES), st.floats(0, 1), st.floats(0, 20)), max_size=40))
def test_never_backwards_whatever_the_worker_says(told):
    clock = Clock()
    progress, last = Progress("run", Costs(), clock), 0.0
    for stage, share, seconds in told:
        clock.now += seconds
        progress.told(stage, share)
        assert last <= progress.share <= 1.0
        last = progress.share


def test_a_second_run_knows_what_is_left_from_the_start():
    costs, seconds = Costs(), (4.0, 66.0, 60.0, 8.0)
    for _ in run(costs, seconds):
        pass
    for true, progress in run(costs, seconds):
        said = progress._left
        assert said is not None and abs(said - true) <= 0.15 * true + 1.0, (said, true)


def test_the_first_run_says_nothing_before_it_was_measured():
    costs, seconds = Costs(), (4.0, 66.0, 60.0, 8.0)
    said = [(true, progress.words, progress._left) for true, progress in run(costs, seconds)]
    assert all(left is None for _, words, left in said if words.startswith(("Loading", "Reading")))
    told = [(true, left) for true, words, left in said if words == "Editing" and left is not None]
    assert len(told) >= 8 and all(abs(true - left) <= 0.15 * true + 7.0 for true, left in told)
