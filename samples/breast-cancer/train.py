"""Is a breast mass malignant or benign? Logistic regression over thirty measurements of cell nuclei."""

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from samples.training import report, save_onnx, save_requests, split


def main() -> None:
    train, held_out, answers, held_out_answers = split(load_breast_cancer())
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(train, answers)
    save_onnx(model, train, "breast-cancer")
    save_requests(held_out[:2], "breast-cancer")
    report(
        "breast-cancer",
        accuracy=model.score(held_out, held_out_answers),
        auc=roc_auc_score(held_out_answers, model.predict_proba(held_out)[:, 1]),
    )


if __name__ == "__main__":
    main()
