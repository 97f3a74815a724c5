"""Which of three growers made the wine? A scikit-learn pipeline kept as a pickle, for services with an entry script."""

import joblib
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from samples.training import HERE, report, save_requests, split


def main() -> None:
    train, held_out, answers, held_out_answers = split(load_wine())
    model = make_pipeline(StandardScaler(), SVC(C=2.0)).fit(train, answers)
    joblib.dump(model, HERE / "wine" / "model.joblib")
    save_requests(held_out[:2], "wine")
    report("wine", accuracy=model.score(held_out, held_out_answers))


if __name__ == "__main__":
    main()
