"""Train samples again: `python -m samples.train` for all, `python -m samples.train iris wine` for some."""

import runpy
import sys

from samples.training import HERE

for name in sys.argv[1:] or sorted(path.parent.name for path in HERE.glob("*/train.py")):
    runpy.run_path(str(HERE / name / "train.py"), run_name="__main__")
