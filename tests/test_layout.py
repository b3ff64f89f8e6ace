"""The layout holds what the design promises of it (§4)."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_platform_is_no_package_and_shadows_nothing() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert platform.python_version()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_with_hashes_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    requirements = re.split(r"\n(?=[A-Za-z0-9])", text.replace("\\\n", " "))
    assert len(requirements) > 20
    for requirement in requirements:
        assert "==" in requirement, requirement
        assert "--hash=sha256:" in requirement, requirement
