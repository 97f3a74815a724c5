"""What the benchmark concludes from what it measured."""

import pytest

from bench.bars import verdicts
from bench.crowd import CrowdResult
from bench.load import Result
from bench.report import Method, report
from bench.results import Choice, Failure, Results, Run, Start

PEERS = ["raw", "slipway", "triton"]


def results_of(*runs: Run, models=("tiny",), peers=PEERS, connections=(16,)) -> Results:
    return Results(Choice(list(models), list(peers), ["json", "binary"], list(connections)), list(runs))


def run(peer: str, throughput: float, *, others: float = 0.0, errors: int = 0, connections: int = 16, p99: float = 2.0):
    return Run("tiny", "json", peer, connections, Result(throughput, 1.0, p99, errors), others)


def verdict(results: Results, part: str):
    (found,) = [one for one in verdicts(results) if part in one.what]
    return found


def test_a_cell_is_the_median_of_the_clean_runs():
    results = results_of(run("triton", 100), run("triton", 300), run("triton", 200), run("triton", 9, others=0.9))
    cell = results.cell("tiny", "json", "triton", 16)
    assert (cell.throughput, cell.clean) == (200, 3)


def test_limit_is_the_layout_with_the_best_median():
    """Not the best single run, which a lucky moment of the machine may have made."""
    found = [((1, 2), 100), ((1, 2), 100), ((1, 2), 130), ((2, 1), 110), ((2, 1), 110), ((2, 1), 90)]
    runs = [Run("tiny", "", "raw", 16, Result(speed, 1.0, 2.0, 0), 0.0, layout) for layout, speed in found]
    assert results_of(*runs).cell("tiny", "json", "raw", 16).throughput == 110


def test_least_disturbed_run_counts_without_a_clean_one():
    results = results_of(run("triton", 100, others=0.9), run("triton", 300, others=0.4))
    cell = results.cell("tiny", "json", "triton", 16)
    assert (cell.throughput, cell.clean) == (300, 0)


def test_errors_of_disturbed_runs_count():
    results = results_of(run("slipway", 100, others=0.9, errors=2), run("slipway", 100))
    assert results.cell("tiny", "json", "slipway", 16).errors == 2
    assert not verdict(results, "errors under load").met


@pytest.mark.parametrize(("throughput", "met"), [(3000, True), (2999, False)])
def test_a_bar_is_met_exactly_from_its_ratio_on(throughput, met):
    results = results_of(run("slipway", throughput), run("triton", 1000))
    assert verdict(results, "16 connections: throughput of triton").met is met


@pytest.mark.parametrize(("throughput", "met"), [(950, True), (949, False)])
def test_every_cell_is_held_to_95_percent_of_the_last_build(throughput, met):
    results = results_of(
        *(run("slipway", 1000, connections=1), run("last-build", 1000, connections=1)),
        *(run("slipway", throughput), run("last-build", 1000)),
        peers=["slipway", "last-build"],
        connections=[1, 16],
    )
    assert verdict(results, "json, 1 connection: throughput of the last build").met
    assert verdict(results, "json, 16 connections: throughput of the last build").met is met


def test_a_worse_p99_than_tritons_is_a_miss():
    results = results_of(
        run("slipway", 9000, connections=64, p99=5.1), run("triton", 1000, connections=64, p99=5.0), connections=[64]
    )
    assert not verdict(results, "p99").met


def test_a_chosen_peer_without_a_figure_misses_its_bar():
    found = verdict(results_of(run("slipway", 9000)), "throughput of triton")
    assert (found.found, found.met) == ("not measured", False)


def test_no_errors_where_nothing_was_measured_is_a_miss():
    assert not verdict(results_of(), "errors under load").met


def test_a_peer_that_was_not_chosen_is_not_judged():
    results = results_of(run("slipway", 9000), peers=["slipway"])
    assert [one.what for one in verdicts(results)] == ["errors under load"]


def test_azures_server_is_compared_with_the_same_script():
    results = results_of(
        run("slipway", 9000), run("slipway-script", 1000), run("azure", 100),
        peers=["slipway", "slipway-script", "azure"],
    )  # fmt: skip
    assert verdict(results, "throughput of azure").found == "10.00x"


def test_memory_and_start_are_ratios_of_medians():
    results = results_of(peers=["slipway", "triton", "azure"])
    results.starts += [
        Start("slipway", 0.4, 60, 3, 0.0),
        Start("slipway", 9.0, 900, 3, 0.9),
        Start("triton", 1.5, 100, 3, 0.0),
        Start("azure", 1.0, 180, 3, 0.0),
    ]
    assert verdict(results, "idle memory").found == "0.60x"
    assert (verdict(results, "relative to azure").found, verdict(results, "relative to azure").met) == ("0.40x", False)


def test_missing_response_is_a_miss():
    results = results_of(peers=["slipway"])
    results.crowds["slipway", "tiny", "json"] = [CrowdResult(right=99), CrowdResult(right=99)]
    assert verdict(results, "wrong or missing").met
    results.crowds["slipway", "tiny", "json"][1].unanswered["timed out"] += 1
    assert verdict(results, "wrong or missing").found == "1 of 199 (timed out)"


def test_the_report_names_what_could_not_be_measured_and_marks_disturbed_cells():
    results = results_of(run("slipway", 9000), run("triton", 1000, others=0.8))
    results.failures.append(Failure("kserve", "tiny", "", "needs a compiler\nand more"))
    text = report(results, verdicts(results), Method(rounds=3, turns=3, close_turns=5, seconds="2 s", windows=5))
    assert "kserve, tiny: needs a compiler … and more" in text
    assert "| 1,000 (1.00 / 2.0)* | 9.00x |" in text
