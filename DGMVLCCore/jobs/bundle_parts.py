"""What a bundle's inference.json builds: the pipeline, and an evaluator that edits each case of a
data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import UsageError
from DGMVLCCore.language.report_files import read_report


def pipeline_of(folder: str, device: str = "cpu") -> Any:
    """The `CounterfactualPipeline` of a bundle's weights.

    Raises:
        WeightsError: missing, altered, or of another architecture.
    """
    from DGMVLCCore.editing.pipeline import CounterfactualPipeline

    return CounterfactualPipeline.from_pretrained(folder).to(device)


class Editor:
    """Edits every case of a data set and writes a result folder for each.

    Args:
        inferer: `CounterfactualPipeline`. dataset: cases with files "image", "region" and "report".
            output_dir: new folder; with several cases it holds
            a folder for each, by its number. weights, device: as the result's record names them.
    """

    def __init__(
        self,
        inferer: Any,
        dataset: Sequence[dict[str, str]],
        output_dir: str,
        weights: str,
        device: str = "cpu",
    ) -> None:
        if not dataset:
            raise UsageError(
                "The bundle's dataset is empty; give --dataset_dir with ct.nrrd, region.nrrd and "
                "report.txt."
            )
        self.inferer, self.dataset, self.out, self.weights, self.device = (
            inferer,
            dataset,
            Path(output_dir),
            Path(weights),
            device,
        )

    def run(self) -> list[str]:
        """Edit all cases; returns the result folders.

        Raises:
            DGMVLCError: as `dgmvlc counterfactual`.
        """
        from DGMVLCCore.jobs.edit import Request, run_counterfactual

        done = []
        for number, case in enumerate(self.dataset, 1):
            out = self.out if len(self.dataset) == 1 else self.out / str(number)
            report = read_report(case["report"])
            out.parent.mkdir(parents=True, exist_ok=True)
            run_counterfactual(
                Request(
                    Path(case["image"]),
                    report.text,
                    out,
                    mask=Path(case["region"]),
                    weights=self.weights,
                    device=self.device,
                    report_source=report.source,
                ),
                pipe=self.inferer,
            )
            done.append(str(out))
        return done
