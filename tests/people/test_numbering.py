"""Version numbers of names in a workspace: each is given once, also to concurrent callers."""

import threading

import pytest
from django.db import connection, connections, transaction

from registry.environments import environments
from registry.models import Environment
from studio.accounts.models import NameCounter, Workspace
from studio.accounts.numbering import next_number
from tests.conftest import require


def take(workspace, name="own"):
    with transaction.atomic():
        return next_number(workspace, name, Environment.objects.all())


@pytest.mark.django_db
def test_names_are_numbered_separately_in_each_workspace(workspace, elsewhere):
    assert [take(workspace), take(workspace), take(workspace, "other"), take(elsewhere)] == [1, 2, 1, 1]


@pytest.mark.django_db
def test_name_without_a_counter_continues_after_its_newest_row(workspace, bob):
    environment = environments.define(
        workspace=workspace, actor=bob, name="own", python_version="3.11", requirements=["joblib"]
    )
    Environment.objects.filter(pk=environment.pk).update(number=7)
    NameCounter.objects.all().delete()  # as in a studio of version 0.1.0
    assert take(workspace) == 8


@pytest.mark.django_db
def test_number_of_a_transaction_that_is_rolled_back_is_given_to_the_next(workspace):
    assert take(workspace) == 1
    with transaction.atomic():
        assert take(workspace) == 2
        transaction.set_rollback(True)
    assert take(workspace) == 2


@pytest.mark.django_db
def test_number_is_not_given_again_when_its_row_has_gone(workspace, bob):
    made = [
        environments.define(workspace=workspace, actor=bob, name="own", python_version="3.11", requirements=[package])
        for package in ("joblib", "pandas")
    ]
    made[1].delete()
    again = environments.define(
        workspace=workspace, actor=bob, name="own", python_version="3.11", requirements=["pandas"]
    )
    assert (made[1].number, again.number) == (2, 3)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_concurrent_callers_get_different_numbers():
    if connection.vendor != "postgresql":
        require("postgres", "SQLite lets one writer in at a time; processes are tried in tests/registry/versions")
    workspace, numbers = Workspace.objects.create(slug="busy", name="Busy"), []

    def some():
        numbers.extend(take(workspace) for _ in range(5))
        connections.close_all()

    threads = [threading.Thread(target=some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 21))
