"""joblib by the name it had inside scikit-learn; old pickles name its inner modules too."""

import sys
from importlib import import_module

_joblib = import_module("joblib")
for _name, _module in list(sys.modules.items()):
    if _name == "joblib" or _name.startswith("joblib."):
        sys.modules[f"sklearn.externals.{_name}"] = _module
