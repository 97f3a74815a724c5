"""What is kept and what may go: pure."""

from datetime import UTC, datetime, timedelta

from deployments.collection.plan import (
    GRACE,
    KEPT_REVISIONS,
    Kind,
    RevisionFacts,
    Stored,
    in_use,
    kept_revisions,
    to_collect,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def revision(number, *, service=1, is_needed=False):
    return RevisionFacts(service, number, f"content-{number}", f"whole-{number}", f"environment-{number}", is_needed)


def stored(kind=Kind.BUNDLE, key="x", *, unused=timedelta(days=30), **more):
    return Stored(kind, key, key, "", NOW - unused, **more)


def test_the_newest_revisions_of_each_service_are_kept():
    listed = [revision(number, service=service) for service in (1, 2) for number in range(1, 9)]
    kept = kept_revisions(listed)
    assert {(one.service, one.number) for one in kept} == {
        (service, number) for service in (1, 2) for number in range(4, 9)
    }


def test_an_old_revision_that_runs_is_kept():
    listed = [revision(number, is_needed=number == 1) for number in range(1, KEPT_REVISIONS + 3)]
    assert sorted(one.number for one in kept_revisions(listed)) == [1, 3, 4, 5, 6, 7]


def test_what_a_kept_revision_uses_stays_however_old():
    used = in_use([revision(1)])
    bundles = [
        stored(key="place", content="content-1"),
        stored(key="whole-1"),  # of before there were rows, named by the hash of the whole revision
        stored(key="content-2"),
    ]
    environments = [stored(Kind.ENVIRONMENT, "environment-1"), stored(Kind.ENVIRONMENT, "environment-2")]
    assert [each.key for each in to_collect(bundles + environments, used, NOW)] == ["content-2", "environment-2"]


def test_what_was_used_a_moment_ago_stays():
    for kind, grace in GRACE.items():
        young = stored(kind, "young", unused=grace - timedelta(seconds=1))
        old = stored(kind, "old", unused=grace)
        assert to_collect([young, old], set(), NOW) == [old]


def test_a_removal_that_was_interrupted_is_ended_at_once():
    left = stored(unused=timedelta(0), is_left=True)
    assert to_collect([left], set(), NOW) == [left]


def test_what_links_to_artifacts_goes_before_them_and_the_longest_unused_first():
    artifact, young, old = stored(Kind.ARTIFACT, "a"), stored(key="young"), stored(key="old", unused=timedelta(days=40))
    assert to_collect([artifact, young, old], set(), NOW) == [old, young, artifact]
