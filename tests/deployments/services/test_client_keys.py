"""Keys of single clients, and keys that people choose themselves."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from deployments.errors import ClientKeyNameTaken, KeyExists
from deployments.models import KeyUse
from deployments.services.client_keys import (
    Limits,
    change_client_key,
    create_client_key,
    delete_client_key,
    regenerate_client_key,
)
from deployments.services.key_use import MOST_DAYS, Use, forget_old_use, record_key_use, use_by_key
from deployments.services.keys import regenerate_key
from scoring import front_contract
from studio.core.errors import BadInput, NotFound
from studio.core.secrets import digest_of
from tests.deployments.service_factories import actions, deploy

pytestmark = pytest.mark.django_db
TODAY = datetime.now(UTC).date()


@pytest.fixture
def service(workspace, bob, iris):
    return deploy(workspace, bob, iris)


def fresh(service):
    service.refresh_from_db()
    return service


class TestChosenKeys:
    def test_chosen_key_replaces_the_slot(self, service, bob):
        regenerate_key(service, "primary", bob, "correct-horse-battery")
        assert service.keys.get(slot="primary").value == "correct-horse-battery"

    @pytest.mark.parametrize(
        "value", ["", "short", "a" * 15, "a" * 129, "with a space in it", "ünïcödé-ünïcödé!", "a" * 20 + "\n"]
    )
    def test_value_that_no_header_can_carry_is_refused(self, service, bob, value):
        before = service.keys.get(slot="primary").value
        with pytest.raises(BadInput, match="16 to 128"):
            regenerate_key(service, "primary", bob, value)
        assert service.keys.get(slot="primary").value == before

    def test_other_key_of_the_service_is_refused(self, service, bob):
        other = service.keys.get(slot="secondary").value
        with pytest.raises(KeyExists):
            regenerate_key(service, "primary", bob, other)

    def test_value_of_a_client_key_is_refused(self, service, bob):
        _, value = create_client_key(service, bob, "shop")
        with pytest.raises(KeyExists):
            regenerate_key(fresh(service), "primary", bob, value)


class TestClientKeys:
    def test_value_is_kept_as_its_digest_alone(self, service, bob):
        key, value = create_client_key(service, bob, "shop", Limits(requests_a_day=10))
        assert (key.digest, key.hint) == (digest_of(value), value[:6])
        assert value not in str(vars(key))
        assert actions(service)[-1] == "client_key_created"

    def test_value_that_the_service_has_is_refused(self, service, bob):
        with pytest.raises(KeyExists):
            create_client_key(service, bob, "shop", value=service.keys.get(slot="primary").value)
        _, value = create_client_key(fresh(service), bob, "shop")
        with pytest.raises(KeyExists):
            create_client_key(fresh(service), bob, "app", value=value)

    @pytest.mark.parametrize("name", ["primary", "secondary", "none", "token", "Shop", "a b", "-a", "", "a" * 64])
    def test_name_that_cannot_be_used_is_refused(self, service, bob, name):
        with pytest.raises(BadInput) as refused:
            create_client_key(service, bob, name)
        assert refused.value.field == "name"

    def test_name_is_given_once_in_a_service(self, service, bob):
        create_client_key(service, bob, "shop")
        with pytest.raises(ClientKeyNameTaken):
            create_client_key(fresh(service), bob, "shop")

    @pytest.mark.parametrize(
        ("limits", "field"),
        [
            (Limits(requests_a_day=0), "requests_a_day"),
            (Limits(requests_a_day=2**63), "requests_a_day"),
            (Limits(rows_a_day=0), "rows_a_day"),
            (Limits(expires_at=timezone.now() - timedelta(seconds=1)), "expires_at"),
        ],
    )
    def test_limits_that_cannot_hold_are_refused(self, service, bob, limits, field):
        with pytest.raises(BadInput) as refused:
            create_client_key(service, bob, "shop", limits)
        assert refused.value.field == field
        assert not service.client_keys.exists()

    def test_limits_change_and_the_value_stays(self, service, bob):
        before, _ = create_client_key(service, bob, "shop", Limits(requests_a_day=10))
        changed = change_client_key(fresh(service), bob, "shop", Limits(requests_a_day=7, rows_a_day=8))
        assert (changed.requests_a_day, changed.rows_a_day, changed.digest) == (7, 8, before.digest)

    def test_regenerated_key_keeps_limits_and_use(self, service, bob):
        before, _ = create_client_key(service, bob, "shop", Limits(requests_a_day=10))
        record_key_use([front_contract.KeyUse(service=service.pk, key="shop", day=str(TODAY), requests=3)])
        after, value = regenerate_client_key(fresh(service), bob, "shop")
        assert after.digest == digest_of(value) != before.digest
        assert after.requests_a_day == 10
        assert use_by_key(service)["shop"].requests_today == 3

    def test_deleted_key_is_gone_with_its_use(self, service, bob):
        create_client_key(service, bob, "shop")
        record_key_use([front_contract.KeyUse(service=service.pk, key="shop", day=str(TODAY), requests=3)])
        delete_client_key(fresh(service), bob, "shop")
        assert not service.client_keys.exists()
        assert not KeyUse.objects.exists()
        with pytest.raises(NotFound):
            delete_client_key(fresh(service), bob, "shop")


class TestUse:
    @pytest.fixture(autouse=True)
    def _shop(self, service, bob):
        create_client_key(service, bob, "shop")

    def report(self, service, requests, day=TODAY, key="shop", rows=0):
        use = front_contract.KeyUse(service=service.pk, key=key, day=str(day), requests=requests, rows=rows)
        record_key_use([use])

    def test_totals_of_a_day_only_rise(self, service):
        self.report(service, 5)
        self.report(service, 3)  # an earlier report that came late
        self.report(service, 5)
        assert use_by_key(service) == {"shop": Use(requests_today=5, requests=5)}
        self.report(service, 5, rows=70)  # a request was counted, then its rows
        self.report(service, 6, rows=60)
        assert use_by_key(service) == {"shop": Use(requests_today=6, requests=6, rows_today=70, rows=70)}

    def test_days_are_added_and_old_ones_left_out(self, service):
        for days, requests in ((0, 1), (1, 10), (29, 100), (30, 1000)):
            self.report(service, requests, TODAY - timedelta(days=days))
        assert use_by_key(service)["shop"] == Use(requests_today=1, requests=111)

    def test_reports_of_services_that_are_gone_and_of_no_day_are_passed_over(self, service):
        reports = [
            front_contract.KeyUse(service=service.pk + 1, key="shop", day=str(TODAY), requests=1),
            front_contract.KeyUse(service=service.pk, key="shop", day="yesterday", requests=1),
            front_contract.KeyUse(service=service.pk, key="shop", day="1999-01-01", requests=1),
            front_contract.KeyUse(service=service.pk, key="shop", day=str(TODAY), requests=2),
        ]
        record_key_use(reports)
        assert [row.requests for row in KeyUse.objects.all()] == [2]

    def test_late_report_of_a_deleted_key_is_not_its_successors_use(self, service, bob):
        delete_client_key(fresh(service), bob, "shop")
        self.report(service, 7)
        create_client_key(fresh(service), bob, "shop")
        assert use_by_key(service) == {}

    def test_use_of_long_ago_is_forgotten(self, service):
        for days in (0, MOST_DAYS, MOST_DAYS + 1):
            KeyUse.objects.create(service=service, key="shop", day=TODAY - timedelta(days=days), requests=1)
        forget_old_use()
        assert sorted(row.day for row in KeyUse.objects.all()) == [TODAY - timedelta(days=MOST_DAYS), TODAY]
