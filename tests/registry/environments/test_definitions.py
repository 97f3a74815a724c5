import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.environments import definitions
from registry.environments.definition_text import Written, read_text
from registry.environments.definitions import Definition, define, definition_hash
from registry.environments.requirement_lines import read_requirement
from studio.core.errors import BadInput

RUNTIME = ["numpy", "orjson"]


def hashed(*lines, python="3.11", platform="linux-x86_64", runtime=RUNTIME):
    return definition_hash(define(python, lines), runtime=runtime, platform=platform)


@pytest.mark.parametrize(
    ("line", "normal"),
    [
        ("Scikit_Learn >= 1.2, <2", "scikit-learn<2,>=1.2"),
        ("uvicorn[Standard]", "uvicorn[standard]"),
        ("torch>=2 ; python_version<'3.12'", 'torch>=2; python_version < "3.12"'),
        ("numpy", "numpy"),
    ],
)
def test_a_requirement_has_one_normal_form(line, normal):
    assert read_requirement(line) == normal


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-r other.txt", "another file"),
        ("--requirement=other.txt", "another file"),
        ("-c limits.txt", "Constraints"),
        ("-e .", "Editable"),
        ("--editable ./mine", "Editable"),
        ("--index-url http://packages.example/simple", "index is chosen by the studio"),
        ("--extra-index-url=http://packages.example", "index is chosen by the studio"),
        ("-i http://packages.example", "index is chosen by the studio"),
        ("--find-links /wheels", "chosen by the studio"),
        ("--hash=sha256:00", "A hash cannot be given"),
        ("idna==3.10 --hash=sha256:00", "A hash cannot be given"),
        ("idna==3.10 --hash sha256:00", "A hash cannot be given"),
        ("idna==3.10" + " --hash=sha256:" + 600 * "0", "A hash cannot be given"),
        ("--require-hashes", "A hash cannot be given"),
        ("--pre", "Pre-releases are taken only"),
        ("--only-binary :all:", "built is chosen by the studio"),
        ("--use-feature=fast-deps", "Options cannot"),
        ("idna --config-settings x=1", "Options cannot"),
        ("${PACKAGE}==1", r"not filled in: .* holds \$\{PACKAGE\}"),
        ("idna==${VERSION}", "not filled in"),
        ("./mine", "local path"),
        ("../mine", "local path"),
        ("/opt/mine", "local path"),
        ("~/mine", "local path"),
        (r"C:\mine", "local path"),
        (".", "local path"),
        ("mine-1.0-py3-none-any.whl", "A file cannot"),
        ("file:///opt/mine", "address"),
        ("git+https://example.com/mine.git", "address"),
        ("https://example.com/mine.whl", "address"),
        ("mine @ https://example.com/mine.whl", "from an address"),
        ("mine @ file:///opt/mine", "from an address"),
        ("numpy==", "no pip requirement"),
        ("numpy 1.0", "no pip requirement"),
        ("two words", "no pip requirement"),
        ("n" * 600, "more than 500 characters"),
    ],
)
def test_forbidden_requirement_is_rejected_with_the_reason(line, why):
    with pytest.raises(BadInput, match=why) as refused:
        read_requirement(line)
    assert refused.value.field == "requirements"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["numpy", "", "# a comment", "two words"], "Line 4: 'two words' is no pip requirement"),
        (["numpy \\", "  >=1", "-r other.txt"], "Line 3: Requirements of another file cannot be included"),
        (["idna==3.10 \\", "    --hash=sha256:00 \\", "    --hash=sha256:11"], "Line 1: A hash cannot be given"),
    ],
)
def test_rejected_requirement_is_reported_with_its_line(lines, message):
    with pytest.raises(BadInput, match=message) as refused:
        define("3.11", lines)
    assert refused.value.message.startswith("Line ")


def test_single_equals_sign_is_rejected_with_the_right_spelling():
    with pytest.raises(BadInput) as refused:
        define("3.11", ["numpy=1.26"])
    assert "numpy==1.26" in refused.value.hint


@pytest.mark.parametrize("version", ["", "3", "2.7", "3.x", "3.11.7.1", "3.11; rm -rf /", "3.11\n4"])
def test_a_python_version_has_two_or_three_numbers(version):
    with pytest.raises(BadInput, match="no Python version"):
        define(version, [])


def test_too_many_requirements_are_refused():
    with pytest.raises(BadInput, match="at most 300"):
        define("3.11", [f"package-{number}" for number in range(301)])


def test_many_empty_lines_are_read():
    text = 100_000 * "\n" + "numpy"
    assert read_text(text) == Written("", text.split("\n"))


def test_requirements_are_counted_before_they_are_parsed():
    with pytest.raises(BadInput, match="these are 301"):
        define("3.11", ["no requirement at all"] * 301)


def test_plain_text_is_a_requirements_file():
    assert read_text("numpy\n# comment\npandas") == Written("", ["numpy", "# comment", "pandas"])


names = st.sampled_from(["numpy", "scikit-learn", "pandas", "Pillow", "ruamel.yaml"])
pins = st.sampled_from(["", "==1.0", ">=1.0,<2", "~=1.4"])


@given(st.lists(st.tuples(names, pins)), st.randoms(use_true_random=False))
def test_order_spelling_spaces_and_comments_do_not_change_the_hash(pairs, chance):
    lines = [name + pin for name, pin in pairs]
    respelled = [
        f"  {name.upper().replace('-', '_')} {pin.replace(',', ' , ')}  # {chance.random()}" for name, pin in pairs
    ]
    chance.shuffle(respelled)
    assert hashed(*lines) == hashed("", "# a comment", *respelled, *respelled)


@given(st.lists(st.tuples(names, pins), max_size=3), st.lists(st.tuples(names, pins), max_size=3))
def test_hashes_are_equal_only_for_equal_definitions(first, second):
    lines = [[name + pin for name, pin in pairs] for pairs in (first, second)]
    same = set(define("3.11", lines[0]).requirements) == set(define("3.11", lines[1]).requirements)
    assert (hashed(*lines[0]) == hashed(*lines[1])) == same


@pytest.mark.parametrize(
    "change", [{"python": "3.12"}, {"platform": "macosx-arm64"}, {"runtime": [*RUNTIME, "psutil"]}]
)
def test_hash_depends_on_python_platform_and_scoring_server(change):
    assert hashed("pandas") != hashed("pandas", **change)


def test_definition_keeps_order_and_drops_duplicate_requirements():
    assert define(" 3.11 ", ["b", "a", "B"]) == Definition("3.11", ("b", "a"))


@pytest.mark.parametrize(
    "line",
    [
        "azureml-defaults",
        "AzureML_Defaults==1.30.0",
        'azureml-defaults[notebooks]>=1.0 ; python_version<"3.9"',
        "azureml-core",
        "azureml-contrib-services",
        "azureml-monitoring",
        "azureml-model-management-sdk==1.0.1b6.post1",
    ],
)
def test_packages_of_the_scoring_server_do_not_change_the_hash(line):
    assert hashed("numpy", line) == hashed("numpy")
    assert define("3.11", [line]).requirements != ()


def test_pandas_required_by_a_provided_package_is_part_of_the_hash():
    assert hashed("azureml-ai-monitoring") == hashed("pandas>=1.5.2")


@pytest.mark.parametrize("line", ["azureml-inference-server-http", "azureml-mlflow", "inference-schema[numpy-support]"])
def test_packages_beyond_the_provided_modules_change_the_hash(line):
    assert hashed(line) != hashed()


def test_requirements_of_the_scoring_server_are_normalized():
    assert definitions.definition_hash(define("3.11", []), runtime=["NumPy", "# x"], platform="p") == (
        definitions.definition_hash(define("3.11", []), runtime=["numpy"], platform="p")
    )
