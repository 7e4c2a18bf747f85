"""Where the package's data is: beside the code where it was installed, in the source tree where it runs from there."""

from __future__ import annotations

from pathlib import Path

import ari_bridge


def share(folder: str) -> Path:
    """A folder of the installed package's data (`webui`, `deploy`), or of the source tree it runs from."""
    package = Path(ari_bridge.__file__).parent
    installed = package / "share" / folder
    return installed if installed.is_dir() else package.parent / folder
