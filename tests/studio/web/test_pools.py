"""Kinds of requests have threads of their own, and few where each request takes a core."""

import asyncio
import threading

import pytest
from django.conf import settings
from django.urls import reverse

from studio.web.pools import Pool, Pools

ADDRESSES_THAT_HASH_PASSWORDS = {
    "sign in": ("login", {}),
    "sign in over REST": ("api_sign_in", {}),
    "change one's own password": ("account", {}),
    "accept an invitation": ("invitation", {"secret": "a-secret"}),
    "choose a password by link": ("choose_password", {"uidb64": "MQ", "token": "a-token"}),
    "administration: sign in": ("admin:login", {}),
    "administration: change one's own password": ("admin:password_change", {}),
    "administration: add a person": ("admin:accounts_user_add", {}),
    "administration: set a password": ("admin:auth_user_password_change", {"id": 7}),
}


def pool_of(method: str, path: str) -> Pool:
    return Pools(settings.WEB_POOLS).of(method, path)


def threads_used(pool: Pool) -> set[str]:
    """The names of the threads in which the pool runs ten requests that are all there before one ends."""
    all_there = threading.Event()

    def request() -> str:
        all_there.wait()
        return threading.current_thread().name

    async def ten_requests() -> list[str]:
        asyncio.get_running_loop().call_later(0, all_there.set)
        return await asyncio.gather(*(pool.run(request) for _ in range(10)))

    return set(asyncio.run(ten_requests()))


@pytest.mark.parametrize(("route", "values"), ADDRESSES_THAT_HASH_PASSWORDS.values(), ids=ADDRESSES_THAT_HASH_PASSWORDS)
def test_at_most_two_passwords_are_hashed_at_a_time(route, values):
    assert threads_used(pool_of("POST", reverse(route, kwargs=values))) <= {"sign-in_0", "sign-in_1"}


def test_a_pool_refuses_requests_beyond_those_that_may_wait():
    pool = pool_of("POST", reverse("login"))
    assert [pool.enter() for _ in range(103)] == [True] * 102 + [False]
    pool.leave()
    assert pool.enter()
