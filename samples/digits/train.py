"""Handwritten digits, 8 x 8 pixels, by a small neural network."""

from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from samples.training import SEED, report, save_onnx, save_requests, split


def main() -> None:
    train, held_out, answers, held_out_answers = split(load_digits())
    model = make_pipeline(MinMaxScaler(), MLPClassifier((48,), max_iter=400, random_state=SEED)).fit(train, answers)
    save_onnx(model, train, "digits")
    save_requests(held_out[:1], "digits")
    report("digits", accuracy=model.score(held_out, held_out_answers))


if __name__ == "__main__":
    main()
