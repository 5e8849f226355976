"""`dgmvlc discover` on a small cohort: a planted effect is reported where both ways agree, and
every bad call has its sentence."""

import json
import shutil

import numpy as np
import pytest
import torch

from DGMVLCCore import cli
from DGMVLCCore.cohort.frame import REGIONS, patient_scan
from DGMVLCCore.cohort.groups import find_contrasts
from DGMVLCCore.cohort.patterns import Options
from DGMVLCCore.cohort.sweep import choose_patients, sweep_patient
from DGMVLCCore.cohort.teach import Sentences
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.jobs.discover import Request, run_discovery
from DGMVLCCore.language.clinical import text_to_attributes
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.language.schema import load_schema
from DGMVLCCore.results.records import check_schema
from DGMVLCCore.training import tuning

SCHEMA = load_schema()


def run(capsys, *arguments):
    code = cli.main(["discover", *map(str, arguments)])
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.fixture
def call(cohort, tmp_path):
    return [
        "-i",
        cohort / "scans",
        "--table",
        cohort / "table.csv",
        "--anatomy",
        cohort / "lungs",
        "-o",
        tmp_path / "out",
        "--permutations",
        199,
    ]


def test_groups_alone_find_the_planted_difference_and_report_no_pattern(
    capsys, call, tmp_path, cohort
):
    code, out, err = run(capsys, *call, "--skip-sweep", "--json")
    assert code == 0, err
    answer, record = (
        json.loads(out),
        json.loads((tmp_path / "out" / "discovery.json").read_text(encoding="utf-8")),
    )
    check_schema(record, "discovery.schema.json")
    smoking = [
        a
        for a in record["answers"]
        if a["contrast"].startswith("smoking") and a["groups"]["mean_hu"]["p"]
    ]
    assert len(smoking) > 6 and all(
        a["groups"]["mean_hu"]["q"] < 0.05 and 80 < a["groups"]["mean_hu"]["effect"] < 135
        for a in smoking
    )
    others = [
        a["groups"]["mean_hu"]["q"]
        for a in record["answers"]
        if not a["contrast"].startswith("smoking") and a["groups"]["mean_hu"]["q"] is not None
    ]
    assert (
        min(others) > 0.05
        and record["patterns"] == []
        and answer["patterns"] == "none"
        and record["synthetic"] is False
    )
    assert "shoe size" in " ".join(answer["notes"])
    files = {entry["name"] for entry in record["files"]}
    assert (
        files | {"discovery.json"} == {p.name for p in (tmp_path / "out").iterdir()}
        and "report.html" in files
    )
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "no pattern is reported" in page and "not a medical device" in page
    assert (
        run(capsys, *call, "--skip-sweep")[0] == 6
        and run(capsys, *call, "--skip-sweep", "--overwrite", "-q", "--attribute", "smoking")[0]
        == 0
    )
    (tmp_path / "out" / "mine.txt").write_text("x", encoding="utf-8")
    assert run(capsys, *call, "--skip-sweep", "--overwrite")[0] == 6


def bad(cohort, folder):
    """Exit code, words, what to add to a good call."""

    def table(name, text):
        (folder / name).write_text(text, encoding="utf-8")
        return ["--table", folder / name]

    ids = [f"P{i}" for i in range(16)]
    (folder / "file").write_text("x", encoding="utf-8")
    return [
        (3, "no folder", ["-i", folder / "none"]),
        (3, "holds no scans", ["-i", folder]),
        (3, "could not be read", ["--table", folder / "none.csv"]),
        (2, "no attribute mood", ["--attribute", "mood"]),
        (2, "99 or more", ["--permutations", 5]),
        (2, "--minutes more than 0", ["--minutes", 0]),
        (3, "no folder", ["--anatomy", folder / "file"]),
        (6, "does not exist", ["-o", folder / "a" / "b"]),
        (4, "match by id", table("one.csv", "id,age\nP1,50\n")),
        (4, "two groups", table("class.csv", "id,sex\n" + "".join(f"{i},M\n" for i in ids))),
        (
            4,
            "no column that the schema knows",
            table("unknown.csv", "id,mood\n" + "".join(f"{i},good\n" for i in ids)),
        ),
        (
            4,
            "1 problem(s)",
            [
                *table(
                    "more.csv",
                    "id,sex\n" + "".join(f"{i},{'MF'[n % 2]}\n" for n, i in enumerate([*ids, "Q"])),
                ),
                "--strict",
            ],
        ),
        (4, "only 0 patient(s)", ["--attribute", "pack_years"]),
        (2, "6 or more", ["--patients", 2]),
        (5, "available: cpu", ["-d", "cuda:9"]),
    ]


def test_every_bad_call_has_its_sentence(capsys, cohort, call, tmp_path):
    cases = bad(cohort, tmp_path)
    before = sorted(p.name for p in tmp_path.iterdir())
    for code, words, extra in cases:
        found, _, err = run(capsys, *call, "--skip-sweep", "-q", *extra)
        assert (found, words in err) == (code, True), (words, found, err)
    code, _, err = run(capsys, *call, "-q", "--weights", tmp_path)
    assert code == 7 and "no weights" in err
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_words_of_a_table_are_no_page_and_a_broken_scan_is_left_out(capsys, cohort, call, tmp_path):
    shutil.copytree(cohort / "scans", tmp_path / "scans")
    (tmp_path / "scans" / "P3.nrrd").write_text("junk", encoding="utf-8")
    lines = (cohort / "table.csv").read_text(encoding="utf-8").splitlines()
    hostile = [
        lines[0] + ",diagnosis",
        *(
            f"{line},{'<script>alert(1)</script>' if i % 2 else 'IPF'}"
            for i, line in enumerate(lines[1:])
        ),
    ]
    (tmp_path / "t.csv").write_text("\n".join(hostile), encoding="utf-8")
    code, out, err = run(
        capsys,
        *call,
        "-i",
        tmp_path / "scans",
        "--table",
        tmp_path / "t.csv",
        "--skip-sweep",
        "--json",
        "--attribute",
        "diagnosis",
    )
    assert code == 0, err
    assert "P3" in " ".join(json.loads(out)["problems"]) and json.loads(out)["patients"] == 15
    assert "<script>" not in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def small_weights(tmp_path_factory):
    """A small network that has learned nothing."""
    from DGMVLCCore.models.denoiser import Denoiser
    from DGMVLCCore.models.dual import EMBEDDING, DualEncoder

    torch.manual_seed(0)
    folder, seen = (
        tmp_path_factory.mktemp("weights"),
        DualEncoder.from_pretrained(str(resource("weights/dgmvlc-dual"))).scan_sha256(),
    )
    Denoiser(widths=(16, 16, 16), scan_dim=EMBEDDING, vision_sha256=seen).half().save_pretrained(
        str(folder)
    )
    return folder


def test_sentences_hold_the_asked_clause_and_are_true():
    rows = {
        f"P{i}": {
            "age": 40 + i,
            "smoking": ("never smoker", "active smoker")[i % 2],
            **({"pack_years": 20} if i % 2 else {}),
        }
        for i in range(20)
    }
    contrasts = find_contrasts(rows, SCHEMA)[0]
    sentences = Sentences([c.attribute for c in contrasts], SCHEMA, LanguageEncoder())
    assert sentences.all_of(rows["P1"]) and all(
        text_to_attributes(t, SCHEMA).items() <= rows["P1"].items()
        for t in sentences.all_of(rows["P1"])
    )
    smoking = next(c for c in contrasts if c.attribute == "smoking")
    assert text_to_attributes(
        sentences.with_value(rows["P1"], smoking, "never smoker"), SCHEMA
    ) == {"age": 41, "smoking": "never smoker"}
    age = next(c for c in contrasts if c.attribute == "age")
    for _, other, far in choose_patients(rows, age, list(rows), 10, np.random.default_rng(0)):
        assert (other == age.high) == (far > 0) and abs(far) >= 0.4


def test_a_planted_effect_is_learned_and_reported_where_both_agree(
    tmp_path, small_weights, monkeypatch, cohort
):
    """From nothing: the smokers' denser lungs are learned on each half and shown on the other."""
    monkeypatch.setattr(tuning, "LEARNING_RATE", 4e-3)
    options = Options(permutations=199, steps=60, batch=2, swept=6, weights=small_weights)
    path = run_discovery(
        Request(
            cohort / "scans",
            cohort / "table.csv",
            tmp_path / "out",
            attributes=("smoking",),
            anatomy=cohort / "lungs",
            options=options,
        )
    )
    record = json.loads(path.read_text(encoding="utf-8"))
    check_schema(record, "discovery.schema.json")
    both = next(a for a in record["answers"] if a["region"] == "both lungs")
    assert (
        both["sweep_hu"]["low"] > 0
        and both["pattern"]
        and record["synthetic"]
        and "denser" in record["patterns"][0]["sentence"]
    )
    assert all(
        a["groups"]["mean_hu"]["q"] <= 0.05 and a["sweep_hu"]["low"] > 0
        for a in record["answers"]
        if a["pattern"]
    )


def test_equal_sentences_change_nothing(cohort):
    from DGMVLCCore import CounterfactualPipeline, load_volume
    from DGMVLCCore.imaging.labels import load_labels
    from DGMVLCCore.imaging.lung_labels import anatomy_from_labels

    volume = load_volume(cohort / "scans" / "P0.nrrd")
    scan = patient_scan(
        "P0", volume, anatomy_from_labels(load_labels(cohort / "lungs" / "P0.nrrd", volume), volume)
    )
    change = sweep_patient(
        CounterfactualPipeline.from_pretrained(), scan, "never smoker", "never smoker"
    )
    assert change.shape == (len(REGIONS),) and np.nanmax(np.abs(change)) == 0
