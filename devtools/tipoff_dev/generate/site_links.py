"""A hook of mkdocs: check links out of `docs/`, and show them as paths, because the site has no page for them."""

import re
from pathlib import Path, PurePosixPath
from typing import Any

_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>\.\./[^)#\s]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001  # mkdocs' signature
    """Replace each link out of `docs/` by its text and path.

    Raises:
        FileNotFoundError: the file is not in the repository; the message names page and link.
    """
    docs = Path(config["docs_dir"])
    folder = (docs / page.file.src_uri).parent

    def shown(link: re.Match[str]) -> str:
        target = (folder / link["target"]).resolve()
        if target.is_relative_to(docs):
            return link[0]  # mkdocs checks it itself
        if not target.exists():
            raise FileNotFoundError(f"{page.file.src_uri}: {link['target']} does not exist; correct the link")
        path = PurePosixPath(target.relative_to(docs.parent))
        return link["text"] if link["text"].strip("`") == str(path) else f"{link['text']} (`{path}`)"

    return _LINK.sub(shown, markdown)
