"""How many noises and steps a run takes, by the names that both viewers show."""

QUALITY = {"quick look": (1, 4), "standard": (8, 10), "thorough": (16, 20)}  # noises, steps
