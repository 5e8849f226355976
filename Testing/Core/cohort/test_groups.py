"""The group test: what is there is found with its size, what is not is not, and confounders are
taken out."""

import numpy as np
import pytest
from scipy import stats

from DGMVLCCore.cohort.frame import REGIONS
from DGMVLCCore.cohort.groups import (
    MIN_GROUP,
    Difference,
    contrasts_of,
    differences,
    find_contrasts,
    linked,
    nuisance,
)
from DGMVLCCore.cohort.patterns import agree
from DGMVLCCore.cohort.sweep import SweepEffect, summarise
from DGMVLCCore.language.schema import load_schema
from DGMVLCCore.stats import false_discovery

SCHEMA = load_schema()


def rows_of(n=60, seed=0):
    """Smokers are older, and only age changes the lungs."""
    rng, rows = np.random.default_rng(seed), {}
    for i in range(n):
        smoker = bool(rng.random() < 0.5)
        rows[f"P{i}"] = {
            "age": int(rng.normal(55 + 12 * smoker, 6)),
            "smoking": "active smoker" if smoker else "never smoker",
        }
    return rows, rng


def asked(rows, name, values, seed=0, permutations=499):
    contrast = next(c for c in find_contrasts(rows, SCHEMA)[0] if c.attribute == name)
    x = np.array([contrast.place(rows[who][name]) for who in contrast.patients])
    basis, names = nuisance(rows, contrast, SCHEMA, ("age", "smoking"))
    return contrast, names, differences(values, x, basis, permutations, seed)[0]


def test_an_effect_is_found_with_its_size_and_its_confounder_is_not():
    rows, rng = rows_of()
    ages = np.array([row["age"] for row in rows.values()], float)
    values = (2.0 * ages + rng.normal(0, 4, len(ages)))[:, None]
    contrast, names, age = asked(rows, "age", values)
    assert names == ["smoking"] and age.p == pytest.approx(1 / 500)
    assert age.low < 2.0 * (contrast.high - contrast.low) < age.high and age.high - age.low < 20
    _, names, smoking = asked(rows, "smoking", values)
    smoker = np.array([row["smoking"] == "active smoker" for row in rows.values()])
    assert names == ["age"] and smoking.p > 0.05 and smoking.low < 0 < smoking.high
    assert values[smoker].mean() - values[~smoker].mean() > 15, (
        "unadjusted, it would have been found"
    )


def test_the_permutation_p_is_uniform_without_an_effect():
    ps = []
    for seed in range(60):
        rows, rng = rows_of(40, seed)
        ps.append(asked(rows, "smoking", rng.standard_t(3, (40, 1)), seed, 199)[2].p)
    assert stats.kstest(ps, "uniform").pvalue > 0.001 and np.mean(np.array(ps) < 0.05) < 0.15


def test_missing_regions_are_left_out_of_their_own_test_only():
    rows, rng = rows_of(40)
    values = rng.normal(0, 1, (40, 2))
    whole = differences(values, *_x_basis(rows), 99, 0)
    values[:10, 1] = np.nan
    part = differences(values, *_x_basis(rows), 99, 0)
    same = [pytest.approx(each, rel=1e-9) for each in vars(whole[0]).values()]
    assert list(vars(part[0]).values()) == same and part[1].n == 30 and np.isfinite(part[1].p)
    values[:, 1] = np.nan
    assert np.isnan(differences(values, *_x_basis(rows), 99, 0)[1].p)


def _x_basis(rows):
    contrast = next(c for c in find_contrasts(rows, SCHEMA)[0] if c.attribute == "smoking")
    return np.array([contrast.place(rows[who]["smoking"]) for who in contrast.patients]), nuisance(
        rows, contrast, SCHEMA, ("age",)
    )[0]


def test_an_attribute_that_another_one_explains_is_not_tested():
    rows = {
        f"P{i}": {
            "sex": ("male", "female")[i % 2],
            "smoking": ("never smoker", "active smoker")[i % 2],
        }
        for i in range(40)
    }
    contrast = find_contrasts(rows, SCHEMA, ("sex",))[0][0]
    basis, _ = nuisance(rows, contrast, SCHEMA, ("sex", "smoking"))
    x = np.array([contrast.place(rows[who]["sex"]) for who in contrast.patients])
    assert np.isnan(
        differences(np.random.default_rng(0).normal(size=(40, 1)), x, basis, 99, 0)[0].p
    )


def test_why_an_attribute_cannot_be_asked_about_is_said():
    attribute = {a.name: a for a in SCHEMA.attributes}
    one = {
        f"P{i}": {
            "sex": "male",
            "age": 60,
            "smoking": "never smoker" if i else "active smoker",
            "precipitins": "birds" if i % 2 else False,
        }
        for i in range(20)
    }
    assert "two groups" in contrasts_of(one, attribute["sex"]) and "same value" in contrasts_of(
        one, attribute["age"]
    )
    assert f"at least {MIN_GROUP}" in contrasts_of(
        one, attribute["smoking"]
    ) and "active smoker: 1" in contrasts_of(one, attribute["smoking"])
    assert "only 3" in contrasts_of(
        dict(list(one.items())[:3]), attribute["age"]
    ) and "free text" in contrasts_of(one, attribute["ctd_type"])
    (named,) = contrasts_of(one, attribute["precipitins"])
    assert (named.low, named.high, named.name) == (False, True, "precipitins: no → yes")
    assert linked(SCHEMA, "smoking") >= {"pack_years"} and "smoking" in linked(SCHEMA, "pack_years")


def test_false_discovery_rate_is_the_known_one():
    p = np.array([0.01, 0.04, np.nan, 0.03, 0.005])
    assert np.allclose(false_discovery(p), [0.02, 0.04, np.nan, 0.04, 0.02], equal_nan=True)
    assert np.isnan(false_discovery(np.full(2, np.nan))).all()


def test_a_pattern_needs_both():
    group = Difference(20.0, 10.0, 30.0, 0.001, 50)
    assert agree(group, 0.01, SweepEffect(5, 1, 9, 12))
    none = float("nan")
    for q, swept in (
        (0.2, SweepEffect(5, 1, 9, 12)),
        (0.01, SweepEffect(5, -1, 9, 12)),
        (0.01, SweepEffect(-5, -9, -1, 12)),
        (none, SweepEffect(5, 1, 9, 12)),
        (0.01, SweepEffect(none, none, none, 0)),
    ):
        assert not agree(group, q, swept)


def test_the_sweeps_interval_covers_both_halves():
    first, second = np.full((6, len(REGIONS)), 10.0), np.full((6, len(REGIONS)), -4.0)
    first[:, 1], second[:4, 2] = np.nan, np.nan
    swept = summarise([first, second])
    assert (
        (swept[0].low, swept[0].high, swept[0].n) == (-4, 10, 12)
        and np.isnan(swept[1].low)
        and np.isnan(swept[2].low)
    )
