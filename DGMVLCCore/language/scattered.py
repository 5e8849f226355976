"""Findings named with other words between: “the heart is enlarged”, “fluid in the chest”."""

from __future__ import annotations

import re

# What is named with other words between, or by the place it is in: trigger, pattern, term. The
# mention is group 1.
SCATTERED = tuple(
    (trigger, re.compile(pattern), term)
    for trigger, pattern, term in (
        (
            "nodular",
            r"\b(nodular)(?=\s*(?:and/or|and|or|nor|/|,)\s*(?:infiltrative|cystic|cavitary|"
            r"mass-like|consolidative|reticular) (?:lesions?|formations?)\b)",
            "nodule",
        ),
        (
            "fluid",
            r"\b(fluid)(?= (?:is |are )?(?:\w+ ){0,2}?(?:with)?in (?:the |both |each |either )?"
            r"(?:\w+ ){0,2}(?:pleural|thoracic|fissur\w+|costophrenic) ?(?:spaces?|cavit\w+|"
            r"recess\w*|"
            r"sulc\w+|angles?)?)",
            "pleural effusion",
        ),
        (
            "fluid",
            r"\b(fluid)(?= (?:\w+ ){0,2}?(?:around|about|surrounding|in|within) (?:the )?(?:heart|"
            r"pericardi\w+))",
            "pericardial effusion",
        ),
        (
            "thromb",
            r"\b(thromb(?:us|i))(?= (?:\w+ ){0,3}?(?:in|within|of) [^.;,]{0,40}?(?:pulmonary|lobar|"
            r"segmental) (?:arter|branch|trunk))",
            "pulmonary embolism",
        ),
        (
            "enlarged",
            r"\b(heart(?:\s+size)?|cardiac (?:size|silhouette))(?=\s+(?:is|was|appears?|remains?|"
            r"not)?\s*(?:\w+\s+){0,2}?enlarged\b)",
            "cardiomegaly",
        ),
        (
            "thick",
            r"\b(?:(?:bronchial|airways?|bronchiolar) )?(?<!cavity )((?:bronchial|airways?|"
            r"bronchiolar) walls?|bronchi)(?=\s+(?:is|are|was|were|appears?)?\s*(?:not )?"
            r"(?:\w+\s+){0,2}?thick(?:ened)?\b)",
            "bronchial wall thickening",
        ),
        (
            "thick",
            r"\b((?:interlobular )?septa)(?=\s+(?:is|are|was|were|appears?)?\s*(?:not )?"
            r"(?:\w+\s+){0,2}?thickened\b)",
            "interlobular septal thickening",
        ),
        (
            "thick",
            r"\b(pleura(?:l surfaces?)?)(?=\s+(?:is|are|was|were|appears?)?\s*(?:not )?"
            r"(?:\w+\s+){0,2}?thickened\b)",
            "pleural thickening",
        ),
        (
            "pleura",
            r"\b(thickening)(?= (?:of|along|at|in) (?:the )?(?:[\w-]+ ){0,3}pleura\b)",
            "pleural thickening",
        ),
        (
            "bronchi",
            r"\b(bronchi)(?=\s+(?:is|are|was|were|appears?)\s*(?:not )?(?:\w+\s+){0,2}?"
            r"(?:dilated|ectatic|widened)\b)",
            "bronchiectasis",
        ),
        (
            "collapsed",
            r"\b(collapsed)(?= (?:\w+ ){0,3}(?:lobes?|lungs?|segments?)\b)",
            "atelectasis",
        ),
        (
            "collapsed",
            r"\b(?:lobes?|lungs?|segments?|[rl][uml]l|lingula) (?:is |are |was |remains |has |"
            r"appears |\w+ly |almost |partially )*(collapsed)\b",
            "atelectasis",
        ),
        (
            "consolidated",
            r"\b(?:lobes?|lungs?|segments?|[rl][uml]l|lingula|base) (?:is |are |was |remains |"
            r"appears |\w+ly )*(consolidated)\b",
            "consolidation",
        ),
        (
            "pleura",
            r"\bpleurae?\b[^.;,]{0,30}?\b(?:shows?|demonstrates?|with|has|have|without)\b"
            r"[^.;]{0,20}?\b(thickening|plaques?)",
            "pleural thickening",
        ),
        ("free", r"\b(free air)(?= in the (?:\w+ )?pleural)", "pneumothorax"),
    )
)
