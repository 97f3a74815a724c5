import json

from deployments.builds.images.bill import Part, Subject, bill_of_materials, licence_list, parts_of_lock, with_hashes

LOCK = (
    f"demo==1.0 ; python_version > '3' \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n    # via x\n"
)
SUBJECT = Subject("iris", "1", "key", {"iris:1": {"model.onnx": "c" * 64}})


def test_bill_names_packages_with_hashes_licences_and_models():
    parts = with_hashes([Part("pypi", "demo", "1.0", "MIT"), Part("deb", "libc6", "2.36")], LOCK)
    found = json.loads(bill_of_materials(SUBJECT, parts))
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert (found["metadata"]["component"]["name"], found["metadata"]["component"]["type"]) == ("iris", "container")
    components = {each["bom-ref"]: each for each in found["components"]}
    assert components["pypi:demo@1.0"]["purl"] == "pkg:pypi/demo@1.0"
    assert components["pypi:demo@1.0"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert len(components["pypi:demo@1.0"]["hashes"]) == 2
    assert components["deb:libc6@2.36"]["purl"] == "pkg:deb/debian/libc6@2.36"
    assert components["model:iris:1"]["type"] == "machine-learning-model"


def test_equal_parts_give_equal_bytes():
    assert bill_of_materials(SUBJECT, parts_of_lock(LOCK)) == bill_of_materials(SUBJECT, parts_of_lock(LOCK))


def test_licence_list_says_where_none_is_named():
    text = licence_list([Part("pypi", "demo", "1.0", "MIT"), Part("deb", "libc6", "2.36")]).decode()
    assert text.splitlines() == ["kind,package,version,licence", "deb,libc6,2.36,not named", "pypi,demo,1.0,MIT"]
