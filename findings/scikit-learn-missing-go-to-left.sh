#!/usr/bin/env bash
# scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1 (Linux x86_64)
#
# One would guess: in a tree that was fitted on data without missing values, `tree_.missing_go_to_left` is False everywhere,
#   so that a single True tells a tree that has learnt from missing values, which converters cannot carry over.
# What happens: fitted without a single NaN, some splits have it True: where no value was missing in training, the larger
#   child takes those that are missing later. The array alone does not tell the two kinds of trees apart.
# Whom it hurts: tools that refuse or special-case trees "with missing values" by this array: they take nearly every forest
#   for one. What tells more, but not all: a True at a split whose left child is the smaller one.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
"$work/venv/bin/python" -W ignore - <<'PY'
import numpy as np
from sklearn.datasets import load_wine
from sklearn.tree import DecisionTreeClassifier

rows, labels = load_wine(return_X_y=True)
assert not np.isnan(rows).any()


def flags(fitted):
    """How many splits send what is missing to the left, and how many of these to the smaller child."""
    tree = fitted.tree_
    splits = tree.children_left >= 0
    left, right = tree.n_node_samples[tree.children_left], tree.n_node_samples[tree.children_right]
    goes_left = np.asarray(tree.missing_go_to_left, bool) & splits
    return int(splits.sum()), int(goes_left.sum()), int((goes_left & (left <= right)).sum())


whole = flags(DecisionTreeClassifier(random_state=0).fit(rows, labels))
holes = rows.copy()
holes[np.random.default_rng(0).random(rows.shape) < 0.1] = np.nan
missing = flags(DecisionTreeClassifier(random_state=0).fit(holes, labels))
print("fitted without NaN: %d splits, %d send missing values left, %d of these to the smaller child" % whole)
print("fitted with NaN:    %d splits, %d send missing values left, %d of these to the smaller child" % missing)
assert whole[1] > 0 and whole[2] == 0, whole
assert missing[2] > 0, missing
PY
echo "as described"
