"""The adjusted difference between real groups: linear regression, permutation p, false-discovery
rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from DGMVLCCore.language.clinical import Value
from DGMVLCCore.language.schema import Attribute, ClinicalSchema
from DGMVLCCore.stats import permuted_regression

MIN_GROUP, MIN_NUMBERS, MIN_FREE = 5, 12, 8
Rows = dict[str, dict[str, Value]]


@dataclass(frozen=True)
class Contrast:
    """One question to a cohort: what changes from `low` to `high` of an attribute.

    Args:
        attribute: its name. low, high: two of its values (of a number: the cohort's 10th and 90th
            percentile). number: True when every value between counts.
        patients: ids that answer it.
    """

    attribute: str
    low: Value
    high: Value
    number: bool
    patients: tuple[str, ...]

    @property
    def name(self) -> str:
        """As reports say it."""
        said = {True: "yes", False: "no"}
        low, high = (said[v] if isinstance(v, bool) else v for v in (self.low, self.high))
        return f"{self.attribute}: {low} → {high}"

    def place(self, value: Value) -> float:
        """A patient's value as a number: 0 at `low`, 1 at `high`."""
        if self.number:
            return (float(value) - float(self.low)) / (float(self.high) - float(self.low))
        return float(value == self.high)


@dataclass(frozen=True)
class Difference:
    """Adjusted difference of one statistic in one region: effect with 95 % interval (HC3 errors),
    permutation p, number of patients; NaN where not testable."""

    effect: float
    low: float
    high: float
    p: float
    n: int


def _levels(attribute: Attribute, values: list[Value]) -> list[Value]:
    """Values of a category or a flag with enough patients, in the schema's order."""
    order: list[Value] = [False, True] if attribute.kind == "flag" else list(attribute.values)
    order += sorted({v for v in values if v not in order}, key=str)
    return [level for level in order if sum(v == level for v in values) >= MIN_GROUP]


def _low_to_high(name: str, numbers: dict[str, float]) -> list[Contrast] | str:
    """The question of a number: from its 10th to its 90th percentile."""
    if len(numbers) < MIN_NUMBERS:
        return (
            f"{name}: only {len(numbers)} patient(s) have a value, at least {MIN_NUMBERS} are "
            "needed."
        )
    low, high = (round(float(v), 3) for v in np.percentile([*numbers.values()], (10, 90)))
    if low >= high:
        return (
            f"{name}: nearly all patients have the same value ({low:g}), so nothing can be "
            "compared."
        )
    return [Contrast(name, low, high, True, tuple(numbers))]


def contrasts_of(rows: Rows, attribute: Attribute) -> list[Contrast] | str:
    """The questions of one attribute; or why there is none, as a sentence."""
    name = attribute.name
    values = {who: row[name] for who, row in rows.items() if name in row}
    if attribute.kind == "text":
        return f"{name}: free text has no groups to compare."
    if attribute.kind == "number":
        return _low_to_high(name, {who: float(v) for who, v in values.items()})
    if attribute.kind == "flag":  # what was named ("to birds") is there
        values = {who: v if isinstance(v, bool) else True for who, v in values.items()}
    levels = _levels(attribute, list(values.values()))
    if len(levels) < 2:
        counts = (
            ", ".join(
                f"{v}: {sum(x == v for x in values.values())}"
                for v in sorted(set(values.values()), key=str)
            )
            or "no value"
        )
        return f"{name}: two groups of at least {MIN_GROUP} patients are needed ({counts})."
    return [
        Contrast(
            name,
            levels[0],
            level,
            False,
            tuple(who for who, v in values.items() if v in (levels[0], level)),
        )
        for level in levels[1:]
    ]


def find_contrasts(
    rows: Rows, schema: ClinicalSchema, wanted: tuple[str, ...] = ()
) -> tuple[list[Contrast], list[str]]:
    """Every question a cohort can answer, and a sentence for each attribute that cannot be asked
    about.

    Args:
        wanted: names of attributes; all that the rows have when empty.
    """
    found: list[Contrast] = []
    skipped = []
    for attribute in schema.attributes:
        if (
            attribute.name in wanted
            if wanted
            else any(attribute.name in row for row in rows.values())
        ):
            answer = contrasts_of(rows, attribute)
            if isinstance(answer, str):
                skipped.append(answer)
            else:
                found += answer
    return found, skipped


def linked(schema: ClinicalSchema, name: str) -> set[str]:
    """Attributes that are not adjusted for beside `name`, because one says part of the other
    (pack-years beside smoking)."""
    return {
        a.name
        for a in schema.attributes
        for names in [{n for group in a.excludes.values() for n in group}]
        if name in names
    } | {
        n
        for a in schema.attributes
        if a.name == name
        for group in a.excludes.values()
        for n in group
    }


def _columns(attribute: Attribute, rows: list[dict[str, Value]]) -> list[np.ndarray]:
    """An attribute as columns of a design; missing numbers are the mean, a missing word is a group
    of its own."""
    values = [row.get(attribute.name) for row in rows]
    if attribute.kind == "number":
        numbers = np.array([np.nan if v is None else float(v) for v in values])
        return (
            [np.where(np.isnan(numbers), np.nanmean(numbers), numbers)]
            if np.isfinite(numbers).sum() > 1
            else []
        )
    levels = sorted({str(v) for v in values})
    return [
        np.array([str(v) == level for v in values], float)
        for level in levels[1:]
        if sum(str(v) == level for v in values) > 1
    ]


def nuisance(
    rows: Rows, contrast: Contrast, schema: ClinicalSchema, covariates: tuple[str, ...]
) -> tuple[np.ndarray, list[str]]:
    """(n,k) orthonormal columns of intercept and covariates of the contrast's patients, and the
    covariates' names."""
    chosen = [rows[who] for who in contrast.patients]
    used = [
        a
        for a in schema.attributes
        if a.name in covariates
        and a.name != contrast.attribute
        and a.name not in linked(schema, contrast.attribute)
    ]
    columns, names = [np.ones(len(chosen))], []
    for attribute in used:
        if made := _columns(attribute, chosen):
            columns += [(c - c.mean()) / max(c.std(), 1e-9) for c in made]
            names.append(attribute.name)
    left, size, _ = np.linalg.svd(np.stack(columns, 1), full_matrices=False)
    return left[:, size > 1e-8 * size[0]], names


def _told_apart(x: np.ndarray, basis: np.ndarray) -> bool:
    """Can an attribute x (n,) be told apart from the others, (n,k) orthonormal columns? Not when
    they explain it, when it has one value here, or when there are too few rows."""
    if len(x) - basis.shape[1] - 1 < MIN_FREE:
        return False
    inside, spread = x - basis @ (basis.T @ x), ((x - x.mean()) ** 2).sum()
    if inside @ inside < 1e-3 * max(spread, 1e-12):
        return False
    return bool(min((x > 0.5).sum(), (x <= 0.5).sum()) >= MIN_GROUP // 2)


def differences(
    values: np.ndarray, x: np.ndarray, basis: np.ndarray, permutations: int, seed: int
) -> list[Difference]:
    """The adjusted difference of each column of `values` (n,m) per unit of x (n,); a column's NaN
    rows are left out of it.

    Args:
        basis: (n,k) from `nuisance`. permutations: their number. seed: of the permutations.
    """
    out = [Difference(np.nan, np.nan, np.nan, np.nan, int(n)) for n in np.isfinite(values).sum(0)]
    have = np.isfinite(values)
    for pattern in np.unique(have, axis=1).T:
        columns = np.nonzero((have == pattern[:, None]).all(0))[0]
        left, size, _ = (
            np.linalg.svd(basis[pattern], full_matrices=False)
            if pattern.any()
            else (np.zeros((0, 0)), np.zeros(0), None)
        )
        part = left[:, size > 1e-8] if size.size else left
        if not _told_apart(x[pattern], part):
            continue
        slope, spread, p, free = permuted_regression(
            x[pattern], values[pattern][:, columns], part, permutations, np.random.default_rng(seed)
        )
        reach = stats.t.ppf(0.975, free) * spread
        for i, column in enumerate(columns):
            out[column] = Difference(
                float(slope[i]),
                float(slope[i] - reach[i]),
                float(slope[i] + reach[i]),
                float(p[i]),
                int(pattern.sum()),
            )
    return out
