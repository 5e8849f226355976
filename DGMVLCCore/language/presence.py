"""Whether each finding of a sentence is present, absent or uncertain: how far every cue word
reaches (after NegEx, Chapman 2001, and ConText, Harkema 2009), on the sentence's row of items.

A denial in front reaches over its own list and no further; a verdict behind (“… were not seen”)
reaches back over its own list; a denial of something said *about* a finding denies nothing of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from DGMVLCCore.language.items import FINDING, Item, items

STOPS = frozenset("BErV;nX")  # what ends the reach of a denial in front
BACK_STOPS = frozenset("BEr;nXKU")  # what ends the reach of a verdict behind
LISTED = frozenset(",oc-/")
STRONG = frozenset("aZ")  # words that begin a statement of their own in a list, always
WEAK = frozenset("gtP")  # … and where the list goes on no further
SINGULAR = re.compile(r"\s*(?:is|was|has|does)\b")
PLURAL = re.compile(r"\s*(?:are|were|have|do)\b")
FORWARD_VERDICT = re.compile(
    r"resolved|cleared|absent|ruled[ -]out|excluded|undetect\w+|(?:(?:is|are|was|were|could|can|has|have) )*not |none|nil|neg"
)
# “Effusion (-)”, “Nodule: N”: a sign or letter as a verdict; group off, on, maybe or open.
VERDICT = re.compile(
    rf"(?P<label>{FINDING}+)(?:\s?\(s\)|\s?s\b|\s\d{{1,2}}\b(?=\s?:)|\s(?:present|seen|identified|found|visible)(?=\s?[?:]))?\s*"
    r"(?:(?:[:=|\t?]|\.{3,}|\s-(?=\s))[ \t]*"
    r"(?:(?P<off>(?:no|n|none|neg|false|0|zero|-{1,3}|\u2013|\(-\)|\[-\]|n\.s\.?)(?=\s*(?:[.,;()/|\n\t]|$|\s\s))"
    r"|no(?=\s+(?:evidence|sign)s?\s*(?:[.,;]|$))|\u2717|\u2718)"
    r"|(?P<on>(?:yes|y|pos|true|1|x|\+{1,3}|\(\+\)|\[\+\])(?=\s*(?:[.,;()|\n\t]|$|\s))"
    r"|\u2713|\u2714)"
    r"|(?P<maybe>\?|(?:possible|possibly|probable|probably|equivocal|suspected|indeterminate|"
    r"questionable|uncertain|maybe|borderline|likely|unclear|\+/-|\u00b1)(?!\w))"
    r"|(?P<open>(?:not (?:assessed|evaluated|evaluable|applicable|reported|assessable|included|"
    r"imaged|scored)|n/a|unknown|unable to|cannot (?:be )?(?:assess|evaluat)\w*|not possible to assess|y\s?/\s?n|yes\s?/\s?no)(?!\w)))"
    r"|(?P<off2>[(\[]\s?(?:[-\u2013]{1,2}|0|no|none|absent|neg(?:ative)?|n)\s?[)\]]|-\s?ve\b|[-\u2013](?=\s*(?:[.,;\n]|$))|[\u2717\u2718\u2610\u25a1])"
    r"|(?P<on2>[(\[]\s?(?:\+{1,3}|yes|y|present|pos(?:itive)?)\b\s?[,)\]]|[(\[]\+{1,3}[)\]]|\+\s?ve\b|\+{1,3}(?=\s|[.,;\n]|$)|[\u2713\u2714\u2611])"
    r"|(?P<maybe2>[(\[]\s?(?:\?|\+/-|\u00b1)\s?[)\]]|\+/-"
    r"|\?+(?!\s*\(?(?:yes|no|none|nil|y|n|absent|present|neg\w*|pos\w*|unlikely|possible|probable)\b)))"
)
SEVERAL = re.compile(r"differential|ddx|includ|represent|reflect|consider|suggest|suspicio|concern")
JOINED = re.compile(r"\s*(?:/|,|&|\band\b|\bor\b|\band/or\b)\s*")
THEN = re.compile(
    r"\s*(?:in (?:19|20)\d\d|on (?:the |an? )?(?:prior|previous|earlier|last|initial|baseline|old)|"
    r"previously|before\b|at that time)"
)
OF_IT = re.compile(r"[gw]*wp[wgZP]*t[wgZPH]*")
STATE = re.compile(r"(?:enlarged|thickened|dilated|ectatic|thick|widened|collapsed|consolidated)$")
BY_ORGAN = re.compile(
    r"nodes?$|glands?$|^heart|^cardiac|walls?$|^bronchi$|septa$|^pleura|silhouette$|^collapsed|^consolidated"
)
BOX = re.compile(
    r"(?P<off>\[\s*_*\s*\]|\(\s*_*\s*\)|[\u2610\u25a1\u2717\u2718\u274c]|\(\s?[-\u2013]\s?\)|\[\s?-\s?\]|\[n\]|\[no\])"
    r"|(?P<on>\[\s?[xy\u2713\u2714*]\s?\]|\[yes\]|\(\s?[x\u2713\u2714+]\s?\)|\[\s?\+\s?\]|[\u2611\u2612\u25a0\u2713\u2714])"
    r"|(?P<maybe>\[\s?\?\s?\]|\(\s?\?\s?\))"
)


class _Row:
    """The items of one sentence and what is known of its findings so far."""

    def __init__(
        self,
        text: str,
        spans: Sequence[tuple[int, int]],
        terms: Sequence[str],
        words: Sequence[str],
    ) -> None:
        self.text = text
        self.words = words
        self.terms = terms
        self.items = items(text, {first: i for i, (first, _) in enumerate(spans)})
        self.codes = [item.code for item in self.items]
        self.denied: set[int] = set()
        self.doubted: set[int] = set()
        self.free: set[int] = set()  # something said about these is denied, not they
        self.asserted: set[int] = set()

    def index(self, at: int) -> int:
        return self.items[at].index

    def between(self, low: int, high: int) -> str:
        return "".join(self.codes[low:high])

    def _closed(self, at: int) -> bool:
        """True when an “or” goes on with the list behind item `at`."""
        for k in range(at + 1, len(self.items)):
            code = self.codes[k]
            if code in STOPS or code in ":K":
                return False
            if code == "o":
                return True
        return False

    def begins_anew(self, separator: int, at: int, listed: list[int], closing: bool = True) -> bool:
        """True when the finding at `at`, behind a separator, begins a statement of its own and is
        no item of the list before it."""
        code = self.codes[separator]
        chunk = self.between(separator + 1, at)
        if code == "o":
            return False
        if STRONG & set(chunk):
            return True
        term = self.terms[self.index(at)]
        if code in ",c" and term in {self.terms[i] for i in listed}:
            return not (closing and self._closed(at))
        weak = "g" in chunk or (chunk.rstrip("w").endswith("P") and code in "cW") or "t" in chunk
        return weak and not (closing and self._closed(at))

    # -- a denial in front ---------------------------------------------------------------------

    def deny_behind(self, at: int) -> None:
        """What a denial at item `at` reaches, to its right."""
        listed: list[int] = []
        separator = about = -1
        verdict = False
        cue = self.text[self.items[at].start : self.items[at].end]
        if self.between(at + 1, at + 2) in (")", ",", ";", "]"):
            return  # an answer: “nodule (no), effusion (yes)”
        for k in range(at + 1, len(self.items)):
            code = self.codes[k]
            if code == "M":
                if not listed and about >= 0:
                    self._said_about(about, k)
                    return
                if not listed and OF_IT.fullmatch(self.between(at + 1, k)):
                    self.free.add(self.index(k))  # “no wash-out of the nodule”
                    return
                if listed and separator >= 0:
                    if self.begins_anew(separator, k, listed):
                        return
                    if self.codes[separator] in ",c" and self._own_verdict(separator, k):
                        return
                if listed and self._within(listed, k, at):
                    self.free.add(self.index(k))
                    return
                if not listed and self._before_about(k):
                    self.free.add(self.index(k))
                    return
                listed.append(self.index(k))
                self.denied.add(self.index(k))
                separator = -1
            elif code in STOPS:
                if code == "n" and cue in ("neither",) and not listed:
                    continue
                return
            elif code == "H" and not listed:
                about = k
            elif code == "e" and about == k - 1:
                about = -1
            elif code == "d" and listed and separator >= 0:
                return
            elif code == ":":
                if listed or about >= 0:
                    return
            elif code in LISTED or code == "W":
                if not listed and about >= 0 and code == "," and self._closed(k):
                    about = -1  # “no invasion, effusion or nodule”
                if not listed and about >= 0 and code in ",W":
                    return
                if about >= 0 and not listed and code in "oc/":
                    about = -1  # “neither growth nor cavitation”
                if listed and code == "W" and cue.endswith(" of"):
                    return  # “resolution of the effusion with atelectasis”
                if verdict and code != "o" and not self._closed(k):
                    return
                if code == "," and not listed and "w" in self.between(at + 1, k):
                    if not self._closed(k):
                        return
                separator = k if separator < 0 or code != "," else separator
            elif code == "K" and listed:
                verdict = True
            elif code == "U" and listed:
                return

    def _said_about(self, about: int, at: int) -> None:
        """“No change in the nodule”: the denial is of the change."""
        if "p" in self.between(about, at) or "K" in self.between(about, at) or at == about + 1:
            self.free.add(self.index(at))

    def _before_about(self, at: int) -> bool:
        """True for “no nodule growth”: the word behind the finding is what is denied."""
        return (
            at + 1 < len(self.items)
            and self.codes[at + 1] == "H"
            and bool(
                re.match(
                    r"\s(?:growth|enlargement|progression|change|follow-?up|biopsy|drainage|uptake|"
                    r"enhancement|recurrence of)\b",
                    self.text[self.items[at].end :],
                )
            )
        )

    def _within(self, listed: list[int], at: int, cue: int) -> bool:
        """True for “no calcification within the mass”: the mass is there."""
        last = max(k for k in range(at) if self.codes[k] == "M")
        chunk = self.between(last + 1, at)
        return re.fullmatch(r"[wPvocHg,]*p[wge]*t[wgZHPe]*", chunk) is not None

    def _own_verdict(self, separator: int, at: int) -> bool:
        """True for “no effusion, a nodule is seen”: a verb in the singular behind a comma."""
        for k in range(at + 1, len(self.items)):
            code = self.codes[k]
            if code in ("K", "v"):
                verb = SINGULAR.match(self.text, self.items[k].start)
                return verb is not None and self.codes[separator] == "," and not self._closed(at)
            if code in STOPS or code in ",ocM:":
                return False
        return False

    # -- a verdict behind ----------------------------------------------------------------------

    def judge_before(self, at: int, doubt: bool) -> bool:
        """What a verdict at item `at` reaches, to its left; False when it reaches nothing."""
        k = at - 1
        while k >= 0 and self.codes[k] != "M":
            if self.codes[k] in BACK_STOPS or (self.codes[k] in ",c" and self._new_subject(k, at)):
                return False
            k -= 1
        if k < 0:
            return False
        subject = self._subject(k)
        if subject is None or self._elsewhere(at) or not self._state_fits(subject, at):
            return True
        verdict = self.doubted if doubt else self.denied
        verdict.add(self.index(subject))
        if subject != k and self.codes[k] == "M" and "W" in self.between(subject, k):
            verdict.add(self.index(k))
        self._list_before(subject, at, doubt)
        return True

    def _elsewhere(self, at: int) -> bool:
        """True for “… at the left base, none on the right”."""
        said = self.text[self.items[at].start : self.items[at].end]
        return (
            said.startswith("none")
            and at > 0
            and self.codes[at - 1] == ","
            and self.codes[at + 1 : at + 2] == ["p"]
        )

    def _state_fits(self, subject: int, at: int) -> bool:
        """“Not enlarged” denies a finding that is named by its organ (nodes, heart), no nodule."""
        said = self.text[self.items[at].start : self.items[at].end]
        if not STATE.search(said):
            return True
        wording = self.words[self.index(subject)]
        return BY_ORGAN.search(wording) is not None

    def _new_subject(self, separator: int, at: int) -> bool:
        """True when words behind a comma are another subject (“effusion, heart not seen”), and none
        of the list (“effusion and bone lesions are not seen”)."""
        chunk = self.between(separator + 1, at)
        if "w" not in chunk or set(chunk) & set("PpZ"):
            return False
        singular = SINGULAR.match(self.text, self.items[at].start) is not None
        if self.codes[separator] == "c":
            return singular or "t" in chunk
        return singular or not set(chunk) & set("oc")

    def _subject(self, at: int) -> int | None:
        """The finding a verdict is about: the head of “calcification in the nodule”; None for
        “growth of the nodule”."""
        low = at
        while low > 0 and self.codes[low - 1] not in LISTED | BACK_STOPS | {"M", ":", "("}:
            low -= 1
        chunk = self.between(low, at)
        definite = re.search(r"p[wg]*t[wgZP]*$", chunk)
        if (
            low > 0
            and self.codes[low - 1] == "M"
            and definite
            and chunk.startswith(("p", "w", "P"))
        ):
            return low - 1
        if definite and "H" in chunk[: definite.start()]:
            return None
        if "H" in chunk and re.search(r"Hp[wgtZPa]*$", chunk):
            return None
        if low > 0 and self.codes[low - 1] == "M" and re.match(r"w*W", chunk):
            return low - 1
        return at

    def _list_before(self, subject: int, at: int, doubt: bool) -> None:
        """The other items of the list that a verdict is about."""
        first = True
        joined = "c" if re.search(r"[oc/-]", self.between(subject + 1, at)) else ""
        verb = self.text[self.items[at].start : self.items[at].end]
        singular = SINGULAR.match(verb) is not None
        k = subject - 1
        separators = ""
        chunk = ""
        while k >= 0:
            code = self.codes[k]
            if code in BACK_STOPS or code in ":(" or (code == "v" and self._finite(k)):
                return
            if code == "M":
                if not separators:
                    return
                alone = set(separators) <= {","} and not joined
                if alone and (singular or doubt or set(self._own(k)) & set("gPZa")):
                    return
                if set(self._before(k)) & STRONG and "o" not in separators:
                    return
                if doubt and "o" not in separators and set(chunk) & set("gtP"):
                    return
                if "g" in chunk and separators == "," and not joined:
                    return
                (self.doubted if doubt else self.denied).add(self.index(k))
                joined += re.sub(r"[^oc/-]", "", separators)
                separators, first, chunk = "", False, ""
            elif code in LISTED:
                separators += code
            elif not separators:
                chunk += code
            k -= 1

    def _finite(self, at: int) -> bool:
        return self.text[self.items[at].start : self.items[at].end] in (
            "is", "are", "was", "were", "has", "have", "remains", "appears", "measures", "remain",
        )  # fmt: skip

    def _own(self, at: int) -> str:
        """The item letters around a finding, up to its list's separators."""
        high = at + 1
        while high < len(self.codes) and self.codes[high] not in LISTED:
            high += 1
        return self._before(at) + self.between(at + 1, high)

    def _before(self, at: int) -> str:
        """The item letters of a finding's own words before it."""
        low = at
        while low > 0 and self.codes[low - 1] not in LISTED | STOPS | {":", "M", "K"}:
            low -= 1
        return self.between(low, at)

    # -- doubt in front ------------------------------------------------------------------------

    def doubt_behind(self, at: int) -> None:
        """What a doubt at item `at` reaches, to its right."""
        listed: list[int] = []
        separator = -1
        for k in range(at + 1, len(self.items)):
            code = self.codes[k]
            if code == "M":
                if listed and separator >= 0 and self.begins_anew(separator, k, listed, False):
                    return
                if listed and separator < 0:
                    return
                listed.append(self.index(k))
                self.doubted.add(self.index(k))
                separator = -1
            elif code in STOPS or code in "W":
                return
            elif code == "K" and listed:
                return
            elif code == "," and k == at + 1:
                continue
            elif code == ",":
                several = SEVERAL.search(self.text, self.items[at].start, self.items[at].end)
                if not listed and "w" in self.between(at + 1, k):
                    return
                if not self._alternatives(k, several is not None):
                    return
                separator = k
            elif code in LISTED or code == "s":
                separator = k
            elif code == "p" and k > at + 1 and self.codes[k + 1 : k + 2] in (["t"], ["a"], ["P"]):
                if "M" not in self.between(k, len(self.items)) or listed:
                    continue
                if "w" in self.between(at + 1, k):
                    return

    def _alternatives(self, comma: int, several: bool) -> bool:
        """True when the list goes on to an “or”, “and” or “versus” without a word that begins
        anew."""
        seen = False
        for k in range(comma + 1, len(self.items)):
            code = self.codes[k]
            if code in "os" or (code == "c" and (seen or several)):
                return True
            if code in STOPS or code in "KagZ:" or (code == "W"):
                return False
            seen = seen or code == "M"
        return False

    def versus(self, at: int) -> None:
        """“A versus B”: both are in doubt."""
        before = [k for k in range(at) if self.codes[k] in "M,;BnX"]
        if before and self.codes[before[-1]] == "M":
            self.doubted.add(self.index(before[-1]))

    def either(self) -> None:
        """“Atelectasis or early consolidation”: either, so both are in doubt."""
        for k, code in enumerate(self.codes):
            if code != "o" or self.text[self.items[k].start : self.items[k].end] != "or":
                continue
            left = [j for j in range(k) if self.codes[j] == "M"]
            right = [j for j in range(k + 1, len(self.items)) if self.codes[j] == "M"]
            if left and left[-1] == k - 1 and self._or_no_finding(k):
                self.doubted |= {self.index(k - 1)} - self.denied - self.free
            if not left or not right:
                continue
            gap = self.between(left[-1] + 1, k) + self.between(k + 1, right[0])
            pair = {self.index(left[-1]), self.index(right[0])}
            if re.fullmatch(r"[gwatPZ,]{0,4}", gap) and not pair & (self.denied | self.free):
                self.doubted |= pair

    def _or_no_finding(self, at: int) -> bool:
        """True for “nodule or vessel”."""
        return re.match(r"w{1,2}(?:p|[,;:.)]|$)", self.between(at + 1, len(self.codes))) is not None

    # -- what forms say ------------------------------------------------------------------------

    def forms(self, starts: dict[int, int]) -> set[int]:
        """Verdicts by sign, letter or box; gives the findings that a form leaves open."""
        left_open: set[int] = set()
        for match in VERDICT.finditer(self.text):
            label = starts.get(match.start("label"))
            kind = (match.lastgroup or "").rstrip("2")
            if label is None or not kind:
                continue
            group = {label, *self._label_list(label)}
            if kind == "open":
                left_open |= group
            self._take(kind, group)
        self._boxes(starts)
        return left_open

    def _take(self, kind: str, group: set[int]) -> None:
        if kind == "off":
            self.denied |= group
        elif kind == "on":
            self.asserted |= group
        elif kind == "maybe":
            self.doubted |= group

    def _label_list(self, label: int) -> list[int]:
        """The other findings of a label: “Nodules/masses: N”."""
        at = next(k for k, item in enumerate(self.items) if item.index == label)
        out = []
        last = self.items[at].start
        for k in range(at - 1, -1, -1):
            if self.codes[k] != "M":
                continue
            if not JOINED.fullmatch(self.text, self.items[k].end, last):
                break
            out.append(self.index(k))
            last = self.items[k].start
        return out

    def _boxes(self, starts: dict[int, int]) -> None:
        """Boxes before findings, or behind them."""
        boxes = list(BOX.finditer(self.text))
        if not boxes or not starts:
            return
        first = min(starts)
        ahead = boxes[0].start() < first
        for i, box in enumerate(boxes):
            if ahead:
                until = boxes[i + 1].start() if i + 1 < len(boxes) else len(self.text)
                group = {n for at, n in starts.items() if box.end() <= at < until}
                if group:
                    nearest = min(at for at, n in starts.items() if n in group)
                    group = {starts[nearest], *self._same_list(nearest, group, starts)}
            else:
                low = boxes[i - 1].end() if i else 0
                group = {n for at, n in starts.items() if low <= at < box.start()}
            self._take(box.lastgroup or "", group)

    def _same_list(self, nearest: int, group: set[int], starts: dict[int, int]) -> set[int]:
        """Findings listed with the nearest one behind a box."""
        out = set()
        at = next(k for k, item in enumerate(self.items) if item.start == nearest)
        for k in range(at + 1, len(self.items)):
            if self.codes[k] == "M" and self.index(k) in group:
                out.add(self.index(k))
            elif self.codes[k] not in "/ocM":
                break
        return out


def presences(
    text: str,
    spans: Sequence[tuple[int, int]],
    terms: Sequence[str],
    words: Sequence[str],
    answer: str | None = None,
) -> list[str | None]:
    """Presence of every finding of a sentence: "present", "absent", "uncertain", or None where a
    form leaves it open.

    Args:
        text: the sentence in lower case, findings, places and sizes masked. spans: ranges of the
            findings. terms: their terms. words: their wordings. answer: what a list or table says of the whole sentence.
    """
    if not spans:
        return []
    row = _Row(text, spans, terms, words)
    starts = {first: i for i, (first, _) in enumerate(spans)}
    left_open = row.forms(starts)
    for at, code in enumerate(row.codes):
        if code == "n":
            row.deny_behind(at)
        elif code == "d":
            row.doubt_behind(at)
        elif code == "s" and row.codes[at + 1 : at + 2] != ["Z"]:
            row.versus(at)
            row.doubt_behind(at)
    for at, code in enumerate(row.codes):
        if code in "XU":
            _judge(row, at, code)
    row.either()
    verdicts = [_verdict(i, row, answer, i in left_open) for i in range(len(spans))]
    return _labels_said_again(row, verdicts)


def _labels_said_again(row: _Row, verdicts: list[str | None]) -> list[str | None]:
    """“Pneumothorax: no evidence of pneumothorax”: the label is what its value says."""
    out = list(verdicts)
    for at in range(len(row.items) - 1):
        if row.codes[at] != "M" or row.codes[at + 1] != ":":
            continue
        label = row.index(at)
        again = [i for i in range(label + 1, len(out)) if row.terms[i] == row.terms[label]]
        if again:
            out[label] = verdicts[again[0]]
    return out


def _judge(row: _Row, at: int, code: str) -> None:
    """A verdict at item `at`: of what stands before it, else of what follows."""
    said = row.text[row.items[at].start : row.items[at].end]
    ahead = row.between(at + 1, len(row.items))
    forward = FORWARD_VERDICT.match(said) is not None
    if code == "X" and THEN.match(row.text, row.items[at].end):
        return  # “absent in 2019”
    if code == "X" and forward and re.match(r"[wgP]{0,3}M", ahead):
        if at == 0 or row.codes[at - 1] in ",ocW(":
            row.deny_behind(at)
            return
    if row.judge_before(at, code == "U"):
        return
    if code == "X" and forward:
        if ahead.startswith(":"):
            _deny_list(row, at + 1)
        elif re.match(r"[wgtPZe]{0,4}M", ahead):
            row.deny_behind(at)
    elif code == "U" and ahead[:1] in tuple("M:gtaPZw"):
        row.doubt_behind(at)


def _deny_list(row: _Row, colon: int) -> None:
    """“Ruled out: A, B”: everything behind the colon."""
    for k in range(colon + 1, len(row.items)):
        if row.codes[k] in "BE;n":
            return
        if row.codes[k] == "M":
            row.denied.add(row.index(k))


def _verdict(i: int, row: _Row, answer: str | None, left_open: bool) -> str | None:
    if left_open:
        return None
    if i in row.free:
        return "uncertain" if i in row.doubted else "present"
    if i in row.denied and i in row.doubted:
        return row_order(i, row)
    if i in row.denied:
        return "absent"
    if i in row.doubted:
        return "uncertain"
    if i in row.asserted:
        return "present"
    return answer or "present"


def row_order(i: int, row: _Row) -> str:
    """Denied and in doubt: “no evidence to suggest X” denies, “possibly no X” doubts."""
    at = next(k for k, item in enumerate(row.items) if item.index == i)
    before = [k for k in range(at) if row.codes[k] in "nd"]
    cues = [row.codes[k] for k in before]
    behind = [row.codes[k] for k in range(at + 1, len(row.items)) if row.codes[k] in "XU"]
    if behind[:1] == ["U"] and "n" not in cues:
        return "uncertain"
    if behind[:1] == ["X"]:
        return "absent"
    if "n" in cues and "d" in cues:
        return "absent" if cues.index("n") < cues.index("d") else "uncertain"
    return "absent" if "n" in cues and behind[:1] != ["U"] else "uncertain"
