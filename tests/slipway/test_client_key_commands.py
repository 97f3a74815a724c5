"""`slipway client-key`, and keys of one's own."""


def test_created_key_stands_alone_on_standard_output(slipway, deployed):
    answer = slipway("client-key", "create", "iris", "shop", "--days", "90", "--requests-a-day", "1000")
    assert answer.out == "new-value\n"
    assert "not shown again" in answer.err
    assert deployed.asked == {"name": "shop", "days": 90, "requests_a_day": 1000}


def test_key_of_ones_own_is_read_from_the_input(slipway, deployed):
    answer = slipway("client-key", "create", "iris", "shop", "--value-stdin", stdin=b"a-key-of-my-own-1\n")
    assert answer.out == "a-key-of-my-own-1\n"
    assert deployed.asked == {"name": "shop", "value": "a-key-of-my-own-1"}
    assert slipway("client-key", "create", "iris", "app", "--value-stdin").code == 2, "the input holds no key"
    answer = slipway("service", "regen-key", "iris", "-k", "primary", "--set-key", "-", stdin=b"a-key-of-my-own-2\n")
    assert answer.out == "a-key-of-my-own-2\n"


def test_keys_are_listed_with_use_and_quota(slipway, deployed):
    slipway("client-key", "create", "iris", "shop", "--requests-a-day", "1000", "--rows-a-day", "50")
    slipway("client-key", "create", "iris", "app")
    heading, *rows = slipway("client-key", "list", "iris").out.splitlines()
    assert heading == "NAME\tBEGINS WITH\tEXPIRES\tREQUESTS TODAY\tREQUESTS IN 30 DAYS\tROWS TODAY"
    assert rows == ["shop\tabcdef\t\t7 of 1000\t700\t40 of 50", "app\tabcdef\t\t7\t700\t"]


def test_limits_are_changed_and_removed(slipway, deployed):
    slipway("client-key", "create", "iris", "shop", "--requests-a-day", "1000")
    slipway("client-key", "update", "iris", "shop", "--requests-a-day", "5", "--no-limit", "expiry")
    assert deployed.asked == {"requests_a_day": 5, "expires_at": None}
    slipway("client-key", "update", "iris", "shop", "--rows-a-day", "9")
    assert deployed.asked == {"rows_a_day": 9}
    slipway("client-key", "update", "iris", "shop", "--no-limit", "rows")
    assert deployed.asked == {"rows_a_day": None}
    assert slipway("client-key", "update", "iris", "shop").code == 2, "nothing to change"
    assert slipway("client-key", "update", "iris", "shop", "--no-limit", "colour").code == 2


def test_regenerated_and_deleted_keys_are_confirmed(slipway, deployed):
    slipway("client-key", "create", "iris", "shop")
    for verb in ("regenerate", "delete"):
        assert slipway("client-key", verb, "iris", "shop").code == 2, "nobody was there to say yes"
    assert slipway("client-key", "regenerate", "iris", "shop", "--yes").out == "regenerate-value\n"
    assert slipway("client-key", "delete", "iris", "shop", "--yes").out == "Deleted the client key shop of iris.\n"
    assert deployed.services["iris"]["client_keys"] == {}
