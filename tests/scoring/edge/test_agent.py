"""The agent as a device has it: a process with a folder, a studio that can be away, and power that can go."""

import datetime
import ipaddress
import json
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from scoring.edge.files import read_json, replace_file
from tests.scoring.edge.conftest import Device, until
from tests.scoring.edge.edge_studio import EdgeStudio


@pytest.fixture
def running(studio, device, releases):
    """A device whose service answers with twice what it gets."""
    studio.want(releases.double())
    device.start()
    until(lambda: device.score() == 2.0, device)
    until(lambda: studio.report_of(5).get("state") == "running", device)
    return device


def prove(device) -> None:
    """The release that serves has run for long enough to be gone back to."""
    device.kill()
    path = device.folder / "services" / "5" / "state.json"
    state = read_json(path)
    replace_file(path, json.dumps(state | {"proven": state["current"], "crashes": {}}).encode())
    device.start()


def test_service_runs_and_is_reported(running, studio):
    assert studio.report_of(5) | {"crashes": 0} == {
        "running": 1,
        "wanted": 1,
        "state": "running",
        "problem": None,
        "crashes": 0,
    }
    assert running.status() == 401, "keys are checked on the device"


def test_update_loses_no_request(running, studio, releases):
    answers, ended = [], threading.Event()

    def ask():
        while not ended.is_set():
            answers.append(running.score())

    asking = threading.Thread(target=ask)
    asking.start()
    studio.want(releases.triple())
    until(lambda: studio.report_of(5).get("running") == 2, running)
    until(lambda: len(running.servers()) == 1, running)
    ended.set()
    asking.join()

    assert set(answers) == {2.0, 3.0}, "somebody was refused"
    assert running.score() == 3.0


def test_update_fetches_only_what_is_new(running, studio, releases):
    studio.ranges.clear()
    studio.want(releases.triple())
    until(lambda: running.score() == 3.0, running)

    assert len(studio.ranges) == 1


def test_model_that_does_not_load_is_reported_and_the_one_before_goes_on(running, studio, releases):
    studio.want(releases.broken())

    until(lambda: studio.report_of(5).get("state") == "failed", running)

    report = studio.report_of(5)
    assert report["running"] == 1
    assert report["problem"]["code"] == "model_invalid"
    assert running.score() == 2.0
    until(lambda: len(running.servers()) == 1, running)


def test_release_that_dies_after_it_took_over_gives_way_to_the_good_one(running, studio, releases):
    prove(running)
    studio.want(releases.triple())
    until(lambda: running.score() == 3.0, running)

    for _ in range(5):
        for server in [each for each in running.servers() if each.is_running()]:
            server.kill()
        if until(running.score, running) == 2.0:
            break

    until(lambda: studio.report_of(5).get("running") == 1, running)
    assert studio.report_of(5)["state"] == "failed"


def test_download_that_breaks_off_goes_on_where_it_was(studio, device, releases):
    studio.cut = 100_000
    studio.want(releases.double())
    device.start()
    until(lambda: any(asked.startswith("bytes=1") for asked in studio.ranges), device)

    until(lambda: device.score() == 2.0, device)

    starts = [int(asked[6:-1]) for asked in studio.ranges if asked]
    assert starts == sorted(starts)
    assert starts[0] == 100_000


def test_device_that_lost_power_comes_back_without_the_studio(running, studio):
    running.lose_power()
    studio.is_away = True
    running.start()

    until(lambda: running.score() == 2.0, running)


def test_killed_agent_leaves_its_services_and_the_next_one_takes_them_over(running, studio):
    running.kill()
    (server,) = running.servers()
    assert running.score() == 2.0

    running.start()
    seen = len(studio.reports)
    until(lambda: len(studio.reports) > seen + 2, running)

    assert running.servers() == [server]
    assert studio.report_of(5)["state"] == "running"


def test_power_lost_in_the_middle_of_a_download_does_no_harm(studio, device, releases):
    studio.cut = 50_000
    studio.want(releases.double())
    device.start()
    until(lambda: len(studio.ranges) > 2, device)
    device.lose_power()
    studio.cut = None
    device.start()

    until(lambda: device.score() == 2.0, device)


def test_service_that_is_not_wanted_any_more_ends(running, studio):
    studio.want()

    until(lambda: not running.servers(), running)
    until(lambda: not (running.folder / "services" / "5").exists(), running)


def test_wrong_device_key_is_named(studio, device, releases):
    device.configure(key="slwd_another")
    studio.want(releases.double())
    device.start()

    until(lambda: "does not know the key of this device" in device.log(), device)
    assert not device.servers()


def test_document_of_another_signer_is_refused_and_reported(running, studio, releases):
    stranger = EdgeStudio()
    stranger.sequence, stranger.services = 99, [releases.triple()]
    studio.envelope_to_send = stranger.envelope()
    stranger.close()

    until(lambda: (studio.reports[-1]["problem"] or {}).get("code") == "bad_signature", running)

    assert running.score() == 2.0


def test_document_of_another_device_is_refused(running, studio):
    studio.envelope_to_send = studio.envelope(device="8", sequence=99)

    until(lambda: (studio.reports[-1]["problem"] or {}).get("code") == "another_device", running)


def test_older_document_is_refused(running, studio, releases):
    studio.services = [releases.triple()]
    studio.envelope_to_send = studio.envelope(sequence=1)

    until(lambda: (studio.reports[-1]["problem"] or {}).get("code") == "older_document", running)

    assert running.score() == 2.0


def test_part_with_another_checksum_is_never_used(running, studio, releases):
    service = releases.triple()
    part = service["release"]["parts"]["bundle"]
    studio.replace[part["sha256"]] = bytes(part["size"])
    studio.want(service)

    until(lambda: (studio.report_of(5).get("problem") or {}).get("code") == "damaged_download", running)
    assert running.score() == 2.0

    studio.replace.clear()
    until(lambda: running.score() == 3.0, running)


def test_telemetry_waits_for_the_studio(running, studio):
    studio.is_away = True
    running.score()
    until(lambda: list(running.folder.glob("services/5/runs/*/work/spool/*.json")), running)
    studio.is_away = False

    found = until(lambda: [push for push in studio.windows if push["service"] == 5], running)

    assert {window["replica"] for push in found for window in push["windows"]} == {"device-7"}
    assert all(push["clock"] for push in found)


@pytest.mark.parametrize(("years", "code"), [(10, "not yet valid"), (-10, "has expired")])
def test_clock_that_is_years_off_is_named(tmp_path, years, code):
    certificate = make_certificate(tmp_path, years)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    studio = EdgeStudio(context)
    device = Device(studio)
    try:
        device.configure(ca_file=str(certificate))
        device.start()
        until(lambda: code in device.log() and "Set the clock of the device" in device.log(), device)
    finally:
        device.close()
        studio.close()


def make_certificate(folder, years: int):
    """For 127.0.0.1, valid for a year that begins in so many."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "studio")])
    begin = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=365 * years)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    path = folder / "studio.pem"
    pem = serialization.Encoding.PEM
    key = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key + made.public_bytes(pem))
    return path
