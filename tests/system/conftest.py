import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
pytest.register_assert_rewrite("lib")

from lib.fixtures import *  # noqa: E402,F401,F403
