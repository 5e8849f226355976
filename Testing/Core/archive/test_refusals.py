"""What an archive refuses, or should not have given: one sentence, nothing written, nothing that
identifies the patient in any log."""

from __future__ import annotations

import json
import ssl
import subprocess

import numpy as np
import pytest

from DGMVLCCore import cli
from DGMVLCCore.archive.address import parse_address
from DGMVLCCore.archive.archive import Archive, open_archive
from DGMVLCCore.archive.records import InstanceRecord, SeriesRecord, StudyQuery, StudyRecord
from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.language.report_files import read_report
from DGMVLCCore.review.worklist import find_studies
from Testing.Core.archive.conftest import write_report
from Testing.Core.language.report_makers import pdf, structured

SECRETS = ("Geheim", "Gerda", "P-4711", "very-secret-4711", "19500101")


@pytest.fixture
def stored(orthanc, make_study, tmp_path, phantom):
    study, series = make_study(tmp_path / "sent", phantom.array)
    orthanc.storescu(*sorted((tmp_path / "sent").iterdir()))
    return study, series


@pytest.fixture
def refused(tmp_path, capsys, caplog):
    """Runs a command that must fail; returns its one sentence."""

    def run(code: int, *arguments: str) -> str:
        before = sorted(path.name for path in tmp_path.iterdir())
        with caplog.at_level("DEBUG"):
            assert cli.main(["archive", *arguments, "-q"]) == code
        said = capsys.readouterr()
        assert sorted(path.name for path in tmp_path.iterdir()) == before
        assert said.out == "" and said.err.count("\n") == 1
        for secret in SECRETS:
            assert secret not in said.err and secret not in caplog.text
        return said.err

    return run


def configure(tmp_path, monkeypatch, **archives):
    path = tmp_path / "others.json"
    path.write_text(json.dumps({"archives": archives}), encoding="utf-8")
    monkeypatch.setenv("DGMVLC_ARCHIVES", str(path))


def store(orthanc, tmp_path, study: str, patient: str, data: bytes | str, **tags: str) -> None:
    """A foreign client stores a report."""
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}.dcm"
    write_report(path, study, patient, data, **tags)
    orthanc.storescu(path)
    path.unlink()


def test_a_wrong_password(stored, refused, tmp_path, monkeypatch):
    monkeypatch.setenv("DGMVLC_ARCHIVE_WEB_PASSWORD", "wrong")
    address = f"archive:web/{stored[0]}"
    said = refused(3, "get", address, "-o", str(tmp_path / "out"))
    assert "refuses user or password" in said
    assert "refuses user or password" in refused(3, "find", "web", "--patient", "P-4711")
    assert "refuses user" in refused(3, "send", "web", str(tmp_path / "sent"), "--send")


def test_an_unknown_archive_or_study(stored, refused, tmp_path):
    out = str(tmp_path / "out")
    assert "There is no archive" in refused(2, "get", f"archive:other/{stored[0]}", "-o", out)
    for way in ("web", "get"):
        assert "does not hold" in refused(3, "get", f"archive:{way}/1.2.3", "-o", out)
    said = refused(3, "get", f"archive:web/{stored[0]}/1.2.3", "-o", out)
    assert "has no series 1.2.3" in said
    assert "no address" in refused(2, "get", "archive:web/../../etc", "-o", out)


def test_no_tls(orthanc, refused, tmp_path, monkeypatch):
    dimse = {"type": "dimse", "host": "127.0.0.1", "port": orthanc.dicom, "title": "ORTHANC"}
    plain = {"type": "dicomweb", "url": "http://pacs.example.org/dicom-web"}
    configure(tmp_path, monkeypatch, plain=plain)
    assert "anyone on the way" in refused(2, "find", "plain")
    configure(
        tmp_path,
        monkeypatch,
        false={"type": "dicomweb", "url": f"https://127.0.0.1:{orthanc.web}/dicom-web"},
        dimse={**dimse, "timeout_s": 2},
    )
    assert "does not speak TLS" in refused(3, "find", "false")
    assert "TLS" in refused(3, "find", "dimse")


def test_a_certificate_of_somebody_else(refused, tmp_path, monkeypatch):
    """A TLS server whose certificate nobody signed."""
    import socket
    import threading

    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        for _ in range(2):
            plain, _address = server.accept()
            try:
                context.wrap_socket(plain, server_side=True).close()
            except (ssl.SSLError, OSError):
                plain.close()

    threading.Thread(target=serve, daemon=True).start()
    port = server.getsockname()[1]
    configure(
        tmp_path,
        monkeypatch,
        web={"type": "dicomweb", "url": f"https://127.0.0.1:{port}/dicom-web"},
        dimse={"type": "dimse", "host": "127.0.0.1", "port": port, "title": "X"},
    )
    for name in ("web", "dimse"):
        assert "certificate that can be verified" in refused(3, "find", name)
    server.close()


def test_credentials_in_the_configuration(refused, tmp_path, monkeypatch):
    web = {"type": "dicomweb", "url": "https://anna:very-secret-4711@pacs.example.org/x"}
    configure(tmp_path, monkeypatch, web=web)
    assert "holds credentials" in refused(2, "find", "web")
    web = {"type": "dicomweb", "url": "https://pacs.example.org/x", "password": "very-secret-4711"}
    configure(tmp_path, monkeypatch, web=web)
    assert "unknown field" in refused(3, "find", "web")


@pytest.mark.parametrize("way", ["web", "get"])
def test_half_a_series(way, orthanc, make_study, refused, tmp_path, phantom):
    study, _ = make_study(tmp_path / "sent", phantom.array)
    paths = sorted((tmp_path / "sent").iterdir())
    orthanc.storescu(*paths[:4], *paths[6:])
    said = refused(4, "get", f"archive:{way}/{study}", "-o", str(tmp_path / "out"))
    assert "misses slices" in said


def test_two_series(stored, orthanc, make_study, refused, tmp_path, phantom):
    study, series = stored
    _, other = make_study(tmp_path / "more", phantom.array, study=study, number=3)
    orthanc.storescu(*sorted((tmp_path / "more").iterdir()))
    said = refused(4, "get", f"archive:web/{study}", "-o", str(tmp_path / "out"))
    assert "2 CT series" in said and series in said and other in said
    assert (
        cli.main(["archive", "get", f"archive:web/{study}/{other}", "-o", str(tmp_path / "o")]) == 0
    )


@pytest.mark.parametrize("way", ["web", "get"])
def test_the_report_of_another_patient(way, stored, orthanc, refused, tmp_path):
    store(orthanc, tmp_path, stored[0], "P-9", "Nodule.")
    out = str(tmp_path / "out")
    # Orthanc keeps a study a patient; DICOMweb and C-FIND still show both under one UID
    said = refused(4, "get", f"archive:{way}/{stored[0]}", "-o", out)
    assert "another patient" in said


def test_the_latest_report_comes_along_and_priors_are_listed(
    stored, orthanc, make_study, tmp_path, capsys
):
    mine = (orthanc, tmp_path, stored[0], "P-4711")
    new = {"ContentDate": "20260106", "ContentTime": "080000"}
    store(*mine, "Nodule in the left upper lobe.", **new)
    old = {"Modality": "DOC", "ContentDate": "20260105", "ContentTime": "090000"}
    store(*mine, structured(document=pdf(["No nodule."])), **old)
    prior, _ = make_study(tmp_path / "prior", np.full((4, 16, 16), -900), date="20250101")
    orthanc.storescu(*sorted((tmp_path / "prior").iterdir()))
    out = tmp_path / "out"
    assert cli.main(["archive", "get", f"archive:web/{stored[0]}", "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert f"archive:web/{prior} 20250101" in said and "report.dcm" in said
    assert "Nodule in the left upper lobe." in read_report(out / "report.dcm").text
    assert "No nodule." in read_report(out / "report-2.pdf").text
    (study,) = find_studies(out)
    assert study.report == "report.dcm" and study.problem is None


@pytest.mark.parametrize("name", ["../../x", "..", "/etc/x", "1.2/3", "1..2", "", "1" * 65])
def test_an_archive_whose_identifiers_lead_elsewhere(name, tmp_path):
    """Identifiers name files and folders, so those that are none name nothing."""

    class Backend:
        tries = 1

        def studies(self, query):
            return [StudyRecord(name), StudyRecord("1.2")]

        def series(self, study):
            return [SeriesRecord("1.3", "CT"), SeriesRecord(name, "CT")]

        def instances(self, study, series):
            return [InstanceRecord(name)]

    archive = Archive("evil", Backend())
    assert [study.uid for study in archive.find(StudyQuery())] == ["1.2"]
    with pytest.raises(UnsuitableInputError, match="identifier that is none"):
        archive.get("1.2", None, tmp_path / "out")
    with pytest.raises(UsageError, match="no address"):
        parse_address(f"archive:evil/{name}/x")
    assert not list(tmp_path.iterdir())


def test_a_listing_is_no_log(stored, capsys, caplog):
    """Even at its most talkative, nothing that a library logs names the patient."""
    with caplog.at_level("DEBUG"):
        for way in ("web", "get", "move"):
            open_archive(way).find(StudyQuery(patient_id="P-4711"))
    assert not any(secret in caplog.text for secret in SECRETS)
