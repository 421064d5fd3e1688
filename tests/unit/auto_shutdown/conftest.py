"""Makes the agent's files importable: they lie in the role, and on a host beside each other."""

from __future__ import annotations

import sys
from pathlib import Path

FILES = Path(__file__).resolve().parents[3] / "roles/auto_shutdown/files"
if str(FILES) not in sys.path:
    sys.path.insert(0, str(FILES))
