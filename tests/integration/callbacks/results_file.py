"""Every task's result as a JSON line in the file that DEVCONTAINER_TEST_RESULTS names; failed tasks too."""

from __future__ import annotations

DOCUMENTATION = r"""
name: results_file
type: aggregate
short_description: results as JSON lines, for tests
description: Writes each result to the file that E(DEVCONTAINER_TEST_RESULTS) names.
"""

import json
import os
from pathlib import Path

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """One line per host and task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "results_file"

    def _write(self, kind, result):
        line = {"kind": kind, "host": result.host.get_name(), "task": result.task.get_name(), **result.result}
        with Path(os.environ["DEVCONTAINER_TEST_RESULTS"]).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result):
        self._write("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write("failed", result)

    def v2_runner_on_unreachable(self, result):
        self._write("unreachable", result)

    def v2_runner_on_skipped(self, result):
        self._write("skipped", result)
