"""DICOMweb (PS3.18): QIDO-RS to find, WADO-RS to get, STOW-RS to send, on dicomweb-client."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from DGMVLCCore.archive.backend import (
    Interrupted,
    instance_record,
    series_record,
    study_record,
)
from DGMVLCCore.archive.config import WebArchive
from DGMVLCCore.archive.credentials import credentials
from DGMVLCCore.archive.records import InstanceRecord, SeriesRecord, StudyQuery, StudyRecord
from DGMVLCCore.errors import ArchiveClosedError, ArchiveError, UnreadableError, UsageError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# HTTP: what another try may mend, RFC 9110 and 6585.
PASSING = (408, 425, 429, 500, 502, 503, 504)
PAGE, CONNECT_S, MOST_PAGES = 500, 10.0, 200
STUDY_FIELDS = (
    "StudyDescription",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedInstances",
)
SERIES_FIELDS = ("SeriesDescription", "NumberOfSeriesRelatedInstances", "Manufacturer")
T = TypeVar("T")
# an object in the DICOM JSON model (PS3.18 F.2): tag -> what is said of the element
DicomJson = Mapping[str, Mapping[str, object]]


def _values(item: DicomJson, keyword: str) -> list[str]:
    """Values of an element in the DICOM JSON model (PS3.18 F.2), as text."""
    from pydicom.datadict import tag_for_keyword

    values = item.get(f"{tag_for_keyword(keyword):08X}", {}).get("Value", [])
    given = values if isinstance(values, list) else []
    return [str(value) for value in given if isinstance(value, str | int | float)]


def _text(item: DicomJson, keyword: str) -> str:
    return next(iter(_values(item, keyword)), "")


def _taken(answer: Dataset) -> Sequence[Dataset]:
    """The objects that an answer to STOW-RS says are stored."""
    return answer.get("ReferencedSOPSequence", None) or ()


class WebBackend:
    """A DICOMweb service; nothing is followed to another host, certificates are verified."""

    def __init__(self, name: str, settings: WebArchive) -> None:
        try:
            import requests
            from dicomweb_client.api import DICOMwebClient
        except ImportError as error:
            raise UsageError(
                f"DICOMweb needs {error.name}; install it with: pip install 'dgmvlc[archive]'."
            ) from None
        self.name, self.tries = name, settings.tries
        who = credentials(name, urlsplit(settings.url).hostname or "", settings.user)
        session = requests.Session()
        session.trust_env, session.max_redirects = False, 0  # no proxy, no other host
        if settings.ca and not Path(settings.ca).exists():
            raise UsageError(f"The archive {name} names the ca {settings.ca}, which is not there.")
        session.verify = settings.ca or True
        if who.token:
            session.headers["Authorization"] = f"Bearer {who.token}"
        elif who.password:
            session.auth = requests.auth.HTTPBasicAuth(
                who.user.encode(),
                who.password.encode(),  # UTF-8, RFC 7617
            )
        scheme, _, place = settings.url.rstrip("/").partition("://")
        try:
            self._client = DICOMwebClient(
                f"{scheme.lower()}://{place}", session, timeout=(CONNECT_S, settings.timeout_s)
            )
        except ValueError:
            raise UnreadableError(
                f"The archive {name} has no url that can be asked; correct the configuration."
            ) from None
        self._client.set_http_retry_params(retry=False)  # `again` does, for cuts too

    def _asked(self, action: Callable[[], T]) -> T:
        """An answer, with every failure as one of ours and without the address, which may hold
        identifiers.

        Raises:
            ArchiveError, Interrupted: the reason.
        """
        import requests

        name = self.name
        try:
            return action()
        except requests.exceptions.SSLError:
            raise ArchiveClosedError(
                f"The archive {name} does not speak TLS with a certificate that can be verified; "
                "give the authority's certificate as ca, or correct the url."
            ) from None
        except requests.exceptions.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            raise self._refusal(status) from None
        except requests.exceptions.TooManyRedirects:
            raise ArchiveClosedError(
                f"The archive {name} sends on to another address, which is not followed; give the "
                "final url."
            ) from None
        except requests.exceptions.Timeout:
            raise Interrupted("did not answer in time") from None
        except (requests.exceptions.InvalidJSONError, requests.exceptions.InvalidURL) as error:
            raise self._no_dicomweb(error) from None
        except requests.exceptions.RequestException:
            raise Interrupted("could not be reached, or broke off") from None
        except (MemoryError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 (an answer may make the libraries stumble)
            raise self._no_dicomweb(error) from None

    def _no_dicomweb(self, error: Exception) -> ArchiveError:
        return ArchiveError(
            f"The archive {self.name} answers with something that is no DICOMweb "
            f"({type(error).__name__}); check its url."
        )

    def _refusal(self, status: int) -> Exception:
        """A refusal by HTTP as a sentence, or as something to try again."""
        if status in PASSING:
            return Interrupted(f"answered HTTP {status}")
        if status in (401, 403):
            return ArchiveClosedError(
                f"The archive {self.name} refuses user or password (HTTP {status}); set them in "
                "the environment, netrc or the keyring."
            )
        reason = "does not hold that" if status in (404, 410) else "refuses the request"
        return ArchiveError(
            f"The archive {self.name} {reason} (HTTP {status}); check address and identifiers."
        )

    def _pages(self, search: Callable[..., Sequence[DicomJson]], uid: str) -> list[DicomJson]:
        """All answers of a search, page by page, each object once even where the archive knows no
        offset."""
        rows: dict[str, DicomJson] = {}
        for _ in range(MOST_PAGES):
            offset = len(rows)
            answer = self._asked(lambda: search(limit=PAGE, offset=offset))  # noqa: B023
            fresh = {_text(row, uid): row for row in answer if _text(row, uid) not in rows}
            rows.update(fresh)
            if not fresh:
                break
        return list(rows.values())

    def echo(self) -> None:
        """Ask for one study."""
        self._asked(lambda: self._client.search_for_studies(limit=1))

    def studies(self, query: StudyQuery) -> list[StudyRecord]:
        """QIDO-RS at the study level."""
        wanted = {
            "PatientID": query.patient_id,
            "AccessionNumber": query.accession,
            "StudyInstanceUID": query.study,
            "StudyDate": query.dates,
            "ModalitiesInStudy": query.modality,
        }
        filters = {key: value for key, value in wanted.items() if value}
        rows = self._pages(
            lambda **page: self._client.search_for_studies(
                search_filters=filters, fields=STUDY_FIELDS, **page
            ),
            "StudyInstanceUID",
        )
        return [
            study_record(partial(_text, row), _values(row, "ModalitiesInStudy")) for row in rows
        ]

    def series(self, study: str) -> list[SeriesRecord]:
        """QIDO-RS at the series level."""
        rows = self._pages(
            lambda **page: self._client.search_for_series(study, fields=SERIES_FIELDS, **page),
            "SeriesInstanceUID",
        )
        return [series_record(partial(_text, row)) for row in rows]

    def instances(self, study: str, series: str) -> list[InstanceRecord]:
        """QIDO-RS at the instance level."""
        rows = self._pages(
            lambda **page: self._client.search_for_instances(study, series, **page),
            "SOPInstanceUID",
        )
        return [instance_record(partial(_text, row)) for row in rows]

    def fetch(
        self,
        study: str,
        series: str,
        wanted: Iterable[InstanceRecord],
        keep: Callable[[bytes], None],
    ) -> None:
        """WADO-RS, an object a request, as the archive stores it."""

        def whole(uid: str) -> bytes:
            buffer = io.BytesIO()
            data = self._client.retrieve_instance(study, series, uid)
            data.save_as(buffer, enforce_file_format=True)
            return buffer.getvalue()

        for one in wanted:
            keep(self._asked(partial(whole, one.uid)))

    def store(self, path: Path) -> None:
        """STOW-RS of one object, confirmed by the answer or, where that does not name it, by the
        archive's own list.

        Raises:
            ArchiveError: the archive does not take it. Interrupted: try again.
        """
        import pydicom

        data = pydicom.dcmread(path)
        answer = self._asked(lambda: self._client.store_instances([data]))
        failed = next(iter(answer.get("FailedSOPSequence", None) or ()), None)
        if failed is not None:
            raise ArchiveError(
                f"The archive {self.name} does not take {path.name} (reason "
                f"{int(failed.get('FailureReason', 0)):#06x}); nothing further was sent."
            )
        taken = {str(one.get("ReferencedSOPInstanceUID", "")) for one in _taken(answer)}
        if data.SOPInstanceUID not in taken and data.SOPInstanceUID not in self._uids(data):
            raise ArchiveError(
                f"The archive {self.name} does not confirm {path.name} and does not list it; "
                "nothing further was sent."
            )

    def _uids(self, data: Dataset) -> set[str]:
        """What the archive holds of an object's series."""
        return {one.uid for one in self.instances(data.StudyInstanceUID, data.SeriesInstanceUID)}

    def close(self) -> None:
        """Connections are the session's."""
