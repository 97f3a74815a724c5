"""How far will diabetes have progressed in a year? Gradient-boosted trees over ten baseline variables."""

from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import mean_absolute_error

from samples.training import SEED, report, save_onnx, save_requests, split


def main() -> None:
    train, held_out, answers, held_out_answers = split(load_diabetes(), by_class=False)
    model = GradientBoostingRegressor(n_estimators=120, max_depth=2, learning_rate=0.05, random_state=SEED)
    model.fit(train, answers)
    save_onnx(model, train, "diabetes")
    save_requests(held_out[:2], "diabetes")
    report(
        "diabetes",
        r2=model.score(held_out, held_out_answers),
        mean_absolute_error=mean_absolute_error(held_out_answers, model.predict(held_out)),
    )


if __name__ == "__main__":
    main()
