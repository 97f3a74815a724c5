"""The plan of a collection, a pure function: what is kept and what is removed."""

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


def test_running_old_revision_is_kept():
    listed = [revision(number, is_needed=number == 1) for number in range(1, KEPT_REVISIONS + 3)]
    assert sorted(one.number for one in kept_revisions(listed)) == [1, 3, 4, 5, 6, 7]


def test_content_of_a_kept_revision_is_kept_at_any_age():
    used = in_use([revision(1)])
    bundles = [
        stored(key="place", content="content-1"),
        stored(key="whole-1"),  # of before there were rows, named by the hash of the whole revision
        stored(key="content-2"),
    ]
    environments = [stored(Kind.ENVIRONMENT, "environment-1"), stored(Kind.ENVIRONMENT, "environment-2")]
    assert [each.key for each in to_collect(bundles + environments, used, NOW)] == ["content-2", "environment-2"]


def test_recently_used_content_is_kept():
    for kind, grace in GRACE.items():
        young = stored(kind, "young", unused=grace - timedelta(seconds=1))
        old = stored(kind, "old", unused=grace)
        assert to_collect([young, old], set(), NOW) == [old]


def test_interrupted_removal_is_finished_at_once():
    left = stored(unused=timedelta(0), is_left=True)
    assert to_collect([left], set(), NOW) == [left]


def test_bundles_are_removed_before_artifacts_and_the_longest_unused_first():
    artifact, young, old = stored(Kind.ARTIFACT, "a"), stored(key="young"), stored(key="old", unused=timedelta(days=40))
    assert to_collect([artifact, young, old], set(), NOW) == [old, young, artifact]
