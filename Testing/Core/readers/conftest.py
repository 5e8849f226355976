"""One scan of a phantom, and sets of cases made from it once."""

import pytest

from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.readers.build import Order, build_cases
from DGMVLCCore.readers.design import Wish


@pytest.fixture(scope="session")
def chest_file(tmp_path_factory, make_chest):
    """70 mm of a phantom chest, so that its lungs have thirds."""
    path = tmp_path_factory.mktemp("scan") / "chest.nrrd"
    save_volume(make_chest((14, 112, 128), (5.0, 2.5, 2.5)), path)
    return path


@pytest.fixture(scope="session")
def balanced(tmp_path_factory, chest_file):
    """One case of each finding and two without."""
    out = tmp_path_factory.mktemp("sets") / "balanced"
    build_cases(Order(Wish(), 8, clear=2, seed=1, balanced=True, scans=((chest_file, None),)), out)
    return out


@pytest.fixture(scope="session")
def with_aid(tmp_path_factory, chest_file):
    """Two nodules and two clear scans, each with its true counterfactual: files as
    `--counterfactual` writes them."""
    from DGMVLCCore.imaging.io import save_volume as save
    from DGMVLCCore.readers.cases import make_cases, write_cases
    from DGMVLCCore.readers.design import plan_cases
    from DGMVLCCore.readers.source import load_clear_scan

    scan = load_clear_scan(chest_file)
    specs = plan_cases(Wish(("nodule",), ("medium",)), 2, scan.places, seed=5, clear=2)

    def aid(made, folder, name):
        for what, array in (
            ("counterfactual", made.before.array),
            ("difference", made.before.array - made.after.array),
        ):
            save(made.after.with_array(array, stored_dtype="int16"), folder / f"{name}-{what}.nrrd")
        return {what: f"{name}-{what}.nrrd" for what in ("counterfactual", "difference")}

    out = tmp_path_factory.mktemp("sets") / "aided"
    write_cases(make_cases([scan], specs, seed=5), out, seed=5, asked_for={}, aid=aid)
    return out
