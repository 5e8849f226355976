"""Workers of a test and of a file of tests, and the scan they edit."""

import numpy as np
import pytest

from DGMVLCCore.imaging.io import save_volume
from Testing.Core.worker.host import Host


@pytest.fixture
def start():
    hosts = []

    def make():
        hosts.append(Host())
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


@pytest.fixture(scope="module")
def worker():
    host = Host()
    yield host
    host.close()


@pytest.fixture(scope="module")
def scan(tmp_path_factory, phantom_with_nodule):
    """A small scan with its nodule, in a folder whose name a careless program breaks at."""
    folder = tmp_path_factory.mktemp("Müller, Jürgen – “CT” 肺")
    d, h, w = phantom_with_nodule.shape
    z, y, x = np.mgrid[:d, :h, :w]
    ball = ((z - d / 2) * 4) ** 2 + ((y - h * 0.48) * 2.5) ** 2 + (
        (x - w * 0.71) * 2.5
    ) ** 2 < 13**2
    save_volume(phantom_with_nodule, folder / "ct é.nrrd")
    save_volume(
        phantom_with_nodule.with_array(ball.astype(np.float32), stored_dtype="uint8"),
        folder / "mask.nrrd",
    )
    return folder
