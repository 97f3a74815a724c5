"""Trains the models of bench/conversion.py on real data; run in an environment that has their libraries.

`conversion_models.py FOLDER KIND`: a folder for each model, with its file and `rows.csv` from data it has not seen.
KIND is classical or neural.
"""

import csv
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn import datasets
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

DATA = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
}


def halves(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rows, labels = DATA[name](return_X_y=True)
    return train_test_split(rows, labels, test_size=0.4, random_state=0)


def write_rows(place: Path, rows: np.ndarray, labels: np.ndarray) -> None:
    with place.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"f{at}" for at in range(rows.shape[1])), "label"])
        writer.writerows([*map(repr, map(float, row)), label] for row, label in zip(rows, labels, strict=True))


def classical(folder: Path) -> None:
    import lightgbm
    import xgboost

    models = {
        "iris-logistic": ("iris", LogisticRegression(max_iter=1000)),
        "diabetes-ridge": ("diabetes", Ridge()),
        "cancer-forest": ("cancer", RandomForestClassifier(100, random_state=0)),
        "digits-extra-trees": ("digits", ExtraTreesClassifier(100, random_state=0)),
        "wine-hist-boosting": ("wine", HistGradientBoostingClassifier(random_state=0)),
        "cancer-scaler-logistic": ("cancer", make_pipeline(StandardScaler(), LogisticRegression())),
        "digits-scaler-svc": ("digits", make_pipeline(StandardScaler(), SVC(probability=True, random_state=0))),
        "digits-mlp": (
            "digits",
            make_pipeline(StandardScaler(), MLPClassifier((64, 32), random_state=0, max_iter=500)),
        ),
        "cancer-lightgbm": ("cancer", lightgbm.LGBMClassifier(n_estimators=100, verbose=-1, n_jobs=1)),
        "cancer-xgboost": ("cancer", xgboost.XGBClassifier(n_estimators=100, n_jobs=1)),
    }
    for name, (data, model) in models.items():
        place = folder / name
        place.mkdir(parents=True)
        known, unseen, labels, true = halves(data)
        model.fit(known, labels)
        joblib.dump(model, place / "model.joblib")
        write_rows(folder / f"{name}.csv", unseen, true)


def neural(folder: Path) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)
    networks = {
        "cancer-mlp": (
            "cancer",
            nn.Sequential(nn.Linear(30, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 2)),
        ),
        "digits-mlp-wide": (
            "digits",
            nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)),
        ),
        "digits-cnn": (
            "digits",
            nn.Sequential(
                nn.Unflatten(1, (1, 8, 8)),
                nn.Conv2d(1, 16, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(16, 32, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Linear(512, 10),
            ),
        ),
    }
    for name, (data, network) in networks.items():
        place = folder / name
        place.mkdir(parents=True)
        known, unseen, labels, true = halves(data)
        middle, spread = known.mean(axis=0), known.std(axis=0) + 1e-6
        train(network, (known - middle) / spread, labels)
        example = (torch.tensor((unseen[:2] - middle) / spread, dtype=torch.float32),)
        batch = torch.export.Dim("batch", min=1, max=100_000)
        torch.export.save(
            torch.export.export(network.eval(), example, dynamic_shapes=({0: batch},)), place / "model.pt2"
        )
        write_rows(folder / f"{name}.csv", (unseen - middle) / spread, true)


def train(network: "object", rows: np.ndarray, labels: np.ndarray) -> None:
    import torch

    inputs, wanted = torch.tensor(rows, dtype=torch.float32), torch.tensor(labels)
    step = torch.optim.Adam(network.parameters(), lr=0.003)  # type: ignore[attr-defined]
    for _ in range(120):
        step.zero_grad()
        torch.nn.functional.cross_entropy(network(inputs), wanted).backward()  # type: ignore[operator]
        step.step()


if __name__ == "__main__":
    {"classical": classical, "neural": neural}[sys.argv[2]](Path(sys.argv[1]))
