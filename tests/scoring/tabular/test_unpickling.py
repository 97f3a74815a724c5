"""What pickles may import where no script stands around them."""

import io
import pickle
import threading

import joblib
import numpy as np
import pytest

from scoring.pickled_names import is_allowed, is_foreign, is_trouble
from scoring.tabular.unpickling import RefusedNameError, allowed_names_only

HARMLESS_AND_REFUSED = pickle.dumps(threading.Event)  # of a library that no estimator needs


@pytest.mark.parametrize(
    ("name", "allowed", "foreign", "trouble"),
    [
        ("sklearn.svm._classes.SVC", True, False, False),
        ("numpy._core.multiarray._reconstruct", True, False, False),
        ("collections.OrderedDict", True, False, False),
        ("builtins.set", True, False, False),
        ("xgboost.sklearn.XGBClassifier", True, False, False),
        ("builtins.eval", False, False, True),
        ("posix.system", False, False, True),
        ("subprocess.Popen", False, False, True),
        ("numpy.testing._private.utils.runstring", False, False, False),
        ("joblib.load", False, False, False),
        ("joblib.externals.cloudpickle.loads", False, False, False),
        ("pandas.io.pickle.read_pickle", False, False, False),
        ("sklearn.datasets._base.load_files", False, False, False),
        ("operator.methodcaller", False, True, False),
        ("features.Ratio", False, True, False),
        ("sklearn_extra.Thing", False, True, False),
    ],
)
def test_names_are_allowed_foreign_or_trouble(name, allowed, foreign, trouble):
    assert (is_allowed(name), is_foreign(name), is_trouble(name)) == (allowed, foreign, trouble)


def test_pickle_within_an_array_of_objects_is_guarded_too():
    buffer = io.BytesIO()
    joblib.dump({"plain": np.zeros(3), "objects": np.array([threading.Event], dtype=object)}, buffer)
    buffer.seek(0)
    with allowed_names_only(), pytest.raises(RefusedNameError, match=r"imports threading\.Event"):
        joblib.load(buffer)


def test_guard_ends_and_leaves_other_threads_alone():
    found = []
    with allowed_names_only():
        other = threading.Thread(target=lambda: found.append(pickle.loads(HARMLESS_AND_REFUSED)))
        other.start()
        other.join()
        with pytest.raises(RefusedNameError):
            pickle.loads(HARMLESS_AND_REFUSED)
    assert found == [pickle.loads(HARMLESS_AND_REFUSED)] == [threading.Event]
