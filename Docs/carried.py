"""Hooks of mkdocs: pages and pictures that stay where they belong in the repository (model cards,
benchmarks, screenshots) are part of the built documentation under their own paths."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

CARRIED = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Resources/*.md",
    "Resources/*.svg",
    "Resources/screenshots/*",
    "Resources/evaluation/**/*.md",
    "Resources/evaluation/**/*.png",
    "Resources/weights/*/README.md",
    "Testing/**/README.md",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the carried files."""
    root = Path(config.config_file_path).parent
    for path in sorted({path for pattern in CARRIED for path in root.glob(pattern)}):
        name = path.relative_to(root).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links of Docs/ say `../Resources/…`, as on GitHub; in the site those files are beside it."""
    return markdown.replace("](../", "](") if "/" not in page.file.src_uri else markdown
