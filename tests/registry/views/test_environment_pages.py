import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.utils import CaptureQueriesContext

from registry.environments import built, environments
from registry.environments.interpreters import own
from registry.environments.lock_files import packages_of
from registry.environments.paths import environment_log_path
from registry.models import Environment

pytestmark = pytest.mark.django_db
HERE = "/w/vision/environments/"
API = "/api/v1/workspaces/vision/environments"
CONDA = f"dependencies:\n  - python={own().version}\n  - pip:\n    - joblib\n"
LOCK = """joblib==1.5.0 \\
    --hash=sha256:00 \\
    --hash=sha256:11
    # via -r environment.in
numpy==2.4.6 ; python_version >= '3.11' \\
    --hash=sha256:22
    # via
    #   -r scoring-server.in
    #   joblib
"""


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def environment(workspace, bob):
    return environments.define(
        workspace=workspace, actor=bob, name="own", python_version="3.11", requirements=["joblib", "pandas>=2"]
    )


def page(client, address, status=200):
    answer = client.get(address)
    assert answer.status_code == status, answer.content[:500]
    return answer.content.decode()


# --- pages ----------------------------------------------------------------------------------------


def test_list_shows_the_curated_environment_and_the_first_step(bob, sign_in):
    text = page(sign_in(bob), HERE)
    assert "slipway-runtime:1" in text
    assert "No environment of your own yet" in text


def test_the_list_shows_the_newest_version_of_each(workspace, bob, sign_in, environment):
    environments.define(workspace=workspace, actor=bob, name="own", python_version="3.11", requirements=["scipy"])
    text = page(sign_in(bob), HERE)
    assert "own:2" in text
    assert "own:1" not in text


def test_number_of_queries_does_not_grow_with_the_list(workspace, bob, sign_in, django_assert_max_num_queries):
    client = sign_in(bob)

    def questions():
        from django.db import connection

        with CaptureQueriesContext(connection) as asked:
            page(client, HERE)
        return len(asked)

    questions()
    few = questions()
    for number in range(10):
        environments.define(workspace=workspace, actor=bob, name=f"e{number}", python_version="3.11", requirements=[])
    assert questions() == few


def test_environment_is_defined_with_the_form(bob, sign_in):
    form = {"name": "own", "python_version": "3.11", "requirements": "joblib\n# comment\npandas >= 2\n"}
    answer = sign_in(bob).post(f"{HERE}new/", form)
    assert (answer.status_code, answer.url) == (302, f"{HERE}own/1/")
    environment = Environment.objects.get(name="own")
    assert (environment.requirements, environment.created_by) == (["joblib", "pandas>=2"], bob)


def test_conda_file_is_accepted_by_the_form(bob, sign_in):
    sign_in(bob).post(f"{HERE}new/", {"name": "own", "python_version": "3.11", "requirements": CONDA})
    environment = Environment.objects.get(name="own")
    assert (environment.python_version, environment.requirements) == (own().version, ["joblib"])


@pytest.mark.parametrize("text", ["# größer\r\njoblib \\\r\n  >=1\r\n", CONDA.replace("joblib", "joblib>=1")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_file_of_any_encoding_is_accepted_by_the_form(bob, sign_in, text, encoding):
    file = SimpleUploadedFile("requirements.txt", text.encode(encoding))
    answer = sign_in(bob).post(f"{HERE}new/", {"name": "own", "python_version": "3.11", "file": file})
    assert answer.status_code == 302
    assert Environment.objects.get(name="own").requirements == ["joblib>=1"]


@pytest.mark.parametrize(
    ("python", "text", "field"),
    [
        ("3.11", "joblib\n-r more.txt", "file"),
        ("3.11", CONDA.replace(own().version, "3.6.2"), "file"),
        ("3.6.2", "joblib", "python_version"),
    ],
)
def test_error_is_shown_beside_its_field(bob, sign_in, python, text, field):
    file = SimpleUploadedFile("requirements.txt", text.encode())
    answer = sign_in(bob).post(f"{HERE}new/", {"name": "own", "python_version": python, "file": file})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]


def test_text_together_with_a_file_is_rejected(bob, sign_in):
    given = {"name": "own", "python_version": "3.11", "requirements": "six"}
    answer = sign_in(bob).post(f"{HERE}new/", given | {"file": SimpleUploadedFile("requirements.txt", b"joblib")})
    assert answer.status_code == 422
    assert "as text or as a file, not both" in answer.content.decode()


def test_provided_packages_are_listed_on_the_page(workspace, bob, sign_in):
    given = ["azureml-defaults==1.30.0", "joblib"]
    environments.define(workspace=workspace, actor=bob, name="own", python_version="3.11", requirements=given)
    assert "azureml-defaults==1.30.0 is not installed: the scoring server" in page(sign_in(bob), f"{HERE}own/1/")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"requirements": "joblib\n-r more.txt"}, "Line 2: Requirements of another file cannot be included"),
        ({"python_version": "3.6.2"}, "Python 3.6.2 is not installed on this machine; these are: "),
        ({"requirements": "dependencies:\n  - gdal; id"}, "is no package of conda"),
        ({"python_version": "snake"}, "is no Python version"),
        ({"name": "../up"}, "cannot be used as a name"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_rejected_definition_is_explained_and_kept_in_the_form(bob, sign_in, changes, message):
    form = {"name": "own", "python_version": "3.11", "requirements": "joblib"} | changes
    answer = sign_in(bob).post(f"{HERE}new/", form)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert message in text
    assert form["requirements"].splitlines()[0] in text
    assert not Environment.objects.filter(name="own").exists()


def test_form_offers_the_installed_pythons_and_is_prefilled_from_another_version(bob, sign_in, environment):
    text = page(sign_in(bob), f"{HERE}new/?from=own:1")
    assert "Installed on this machine" in text
    assert "pandas&gt;=2" in text


def test_the_page_shows_definition_and_use(bob, sign_in, environment):
    text = page(sign_in(bob), f"{HERE}own/1/")
    assert "pandas&gt;=2" in text
    assert "not made yet" in text
    assert "No inference config uses it yet" in text


def test_the_lock_is_shown_as_a_table(bob, sign_in, environment):
    assert "Not resolved yet" in page(sign_in(bob), f"{HERE}own/1/?tab=packages")
    Environment.objects.update(lock=LOCK)
    text = page(sign_in(bob), f"{HERE}own/1/?tab=packages")
    assert "2 packages" in text
    assert "the scoring server, joblib" in text


def test_a_lock_is_read_with_its_reasons():
    joblib, numpy = packages_of(LOCK)
    assert (joblib.name, joblib.version, joblib.wanted_by) == ("joblib", "1.5.0", "the definition")
    assert (numpy.version, numpy.marker) == ("2.4.6", "python_version >= '3.11'")
    assert packages_of("") == []


def test_log_is_polled_during_the_installation(bob, sign_in, environment):
    log = environment_log_path(environment.definition_hash)
    log.parent.mkdir(parents=True)
    log.write_text("Resolving <the> requirements.\n")
    client = sign_in(bob)
    built.fail(environment.definition_hash)
    text = page(client, f"{HERE}own/1/?tab=log")
    assert "last try failed" in text
    assert "every 2s" not in text
    built.begin(environment.definition_hash)
    text = page(client, f"{HERE}own/1/?tab=log")
    assert "being made" in text
    assert "every 2s" in text
    fragment = client.get(f"{HERE}own/1/?tab=log", headers={"HX-Request": "true"}).content.decode()
    assert "Resolving &lt;the&gt; requirements." in fragment
    assert "<html" not in fragment


def test_the_activity_of_an_environment_is_shown(bob, sign_in, environment):
    assert "created the environment" in page(sign_in(bob), f"{HERE}own/1/?tab=activity")


def test_viewers_can_only_read(carol, sign_in, environment):
    client = sign_in(carol)
    assert "New environment" not in page(client, HERE)
    assert "New version" not in page(client, f"{HERE}own/1/")
    page(client, f"{HERE}new/", status=403)
    assert client.post(f"{HERE}new/", {"name": "x", "python_version": "3.11"}).status_code == 403


def test_pages_are_not_found_for_non_members(mallory, sign_in, environment):
    page(sign_in(mallory), HERE, status=404)
    page(sign_in(mallory), f"{HERE}own/1/", status=404)
    page(sign_in(mallory), "/w/elsewhere/environments/own/1/", status=404)


# --- REST -----------------------------------------------------------------------------------------


def test_environments_over_rest(bob, api):
    client = api(bob)
    given = {"name": "own", "python_version": "3.11", "requirements": ["Joblib"]}
    made = client.post(API, given)
    assert made.status_code == 201, made.json()
    shown = made.json()
    assert (shown["id"], shown["version"], shown["requirements"]) == ("own:1", 1, ["joblib"])
    assert (shown["state"], shown["created_by"], shown["lock"]) == ("not made yet", "bob", "")
    assert client.get(f"{API}/own:latest").json() == shown
    listed = [row["id"] for row in client.get(API).json()["results"]]
    assert (listed[0], listed[-3]) == ("own:1", "slipway-sklearn:1")


def test_lines_of_a_file_over_rest(bob, api):
    lines = ["\ufeff# needed", "", "Joblib \\", "  >=1", "azureml-defaults"]
    made = api(bob).post(API, {"name": "own", "requirements": lines})
    assert made.status_code == 201, made.json()
    assert made.json()["requirements"] == ["joblib>=1", "azureml-defaults"]
    (warning,) = made.json()["warnings"]
    assert warning.startswith("azureml-defaults is not installed: the scoring server's own modules take the place")
    refused = api(bob).post(API, {"name": "own", "requirements": [*lines, "two words"]})
    assert refused.json()["errors"][0]["detail"].startswith("Line 6: 'two words' is no pip requirement")


def test_a_python_that_is_not_installed_is_refused_over_rest(bob, api):
    answer = api(bob).post(API, {"name": "own", "conda": CONDA.replace(own().version, "3.6.2")})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "python_missing")
    assert own().version in answer.json()["errors"][0]["detail"]
    assert not Environment.objects.filter(name="own").exists()


def test_a_conda_file_over_rest(bob, api):
    assert api(bob).post(API, {"name": "marked", "conda": "\ufeff" + CONDA}).json()["requirements"] == ["joblib"]
    listed = {"name": "listed", "requirements": CONDA.splitlines()}
    assert api(bob).post(API, listed).json()["python_version"] == own().version
    assert api(bob).post(API, {"name": "own", "conda": CONDA}).json()["python_version"] == own().version
    refused = api(bob).post(API, {"name": "own", "conda": CONDA, "requirements": []})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("changes", "attr"),
    [({"requirements": ["-e ."]}, "requirements"), ({"name": "a b"}, "name"), ({"name": ""}, "name")],
)
def test_rejected_definition_over_rest_names_the_field_and_the_next_step(bob, api, changes, attr):
    answer = api(bob).post(API, {"name": "own", "python_version": "3.11"} | changes)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == attr


def test_roles_apply_over_rest(carol, mallory, bob, api, environment):
    assert api(carol).get(f"{API}/own:1").status_code == 200
    assert api(carol).post(API, {"name": "x"}).status_code == 403
    assert api(bob, access="read").post(API, {"name": "x"}).status_code == 403
    assert api(mallory).get(f"{API}/own:1").status_code == 404
    assert api(bob).get(f"{API}/own:9").status_code == 404


def test_delete_page_asks_and_deletes_an_unused_environment(bob, sign_in, environment):
    client = sign_in(bob)
    address = f"{HERE}own/1/delete/"
    assert f'action="{address}"' in page(client, f"{HERE}own/1/")
    assert "Delete own:1</button>" in page(client, address)
    assert Environment.objects.filter(pk=environment.pk).exists()

    answer = client.post(address)

    assert answer.url == HERE
    assert not Environment.objects.filter(pk=environment.pk).exists()
    assert "own:1 is deleted." in page(client, HERE)


def test_curated_environment_has_no_delete_button_and_is_not_deleted(bob, sign_in):
    client = sign_in(bob)
    page(client, HERE)  # makes it
    address = f"{HERE}slipway-runtime/1/delete/"

    assert address not in page(client, f"{HERE}slipway-runtime/1/")
    assert client.post(address).status_code == 409
    assert Environment.objects.filter(name="slipway-runtime").exists()
