"""Which of three kinds of iris? A small random forest over four lengths and widths."""

from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from samples.training import SEED, report, save_onnx, save_requests, split


def main() -> None:
    train, held_out, answers, held_out_answers = split(load_iris())
    model = RandomForestClassifier(n_estimators=20, max_depth=4, random_state=SEED).fit(train, answers)
    save_onnx(model, train, "iris")
    save_requests(held_out[:2], "iris")
    report("iris", accuracy=model.score(held_out, held_out_answers))


if __name__ == "__main__":
    main()
