"""Models on another device than the CPU, and on two, in a process of their own.

PyTorch's engine counts the devices when it first computes gradients, and knows none that is named later: after any
other test that computed gradients there could be no pretended device.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = Path(__file__).with_name("in_a_process_of_its_own.py")


def test_a_model_on_other_devices_comes_to_what_it_comes_to_on_the_cpu() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(TESTS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
