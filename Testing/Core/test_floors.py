"""The picture of the floors is that of the code as it stands."""

from Testing import floors


def test_the_picture_of_the_floors_is_current():
    assert floors.PICTURE.read_text(encoding="utf-8") == floors.draw(), (
        "the imports changed: run python Testing/floors.py and commit the picture"
    )


def test_every_room_stands_on_a_floor_and_no_arrow_goes_up():
    levels = floors.floors()
    rank = {room: height for height, level in enumerate(levels) for room in level}
    arrows, rooms = floors.arrows()
    assert rooms <= set(rank)
    assert not [(a, b) for a, b in arrows if b in rank and rank[a] >= rank[b]]
