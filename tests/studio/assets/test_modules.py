"""ES modules bundled into one script."""

import pytest

from studio.assets.modules import UnknownSyntax, bundle


def write(folder, **modules):
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text)
    return folder / "app.js"


def test_modules_come_in_the_order_in_which_they_need_each_other(tmp_path):
    entry = write(
        tmp_path,
        app='import { start as begin } from "./start.js";\nimport { NAME } from "./names.js";\nbegin(NAME);\n',
        start='import { NAME } from "./names.js";\nexport async function start(name) { return name + NAME; }\n',
        names='export const NAME = "iris";\n',
    )

    assert bundle(entry) == (
        '(() => {\n"use strict";\n'
        'const m0 = (() => {\nconst NAME = "iris";\n\nreturn { NAME };\n})();\n'
        "const m1 = (() => {\nconst { NAME } = m0;\n"
        "async function start(name) { return name + NAME; }\n\nreturn { start };\n})();\n"
        "const m2 = (() => {\nconst { start: begin } = m1;\nconst { NAME } = m0;\nbegin(NAME);\n\nreturn {  };\n})();\n"
        "})();\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        'import start from "./other.js";',
        'import * as other from "./other.js";',
        "export default 1;",
        'export { start } from "./other.js";',
        'const other = import("./other.js");',
        "const other = import(`./${name}.js`);",
        "const place = import.meta.url;",
    ],
)
def test_unknown_syntax_is_refused_and_quoted(tmp_path, line):
    entry = write(tmp_path, app=line + "\n", other="export const start = 1;\n")

    with pytest.raises(UnknownSyntax) as refused:
        bundle(entry)

    assert line.partition(" = ")[2] in str(refused.value)
    assert "app.js" in str(refused.value)


def test_circular_imports_are_refused(tmp_path):
    entry = write(
        tmp_path,
        app='import { other } from "./other.js";\nexport const app = 1;\n',
        other='import { app } from "./app.js";\nexport const other = 1;\n',
    )

    with pytest.raises(UnknownSyntax, match=r"imports itself through other\.js"):
        bundle(entry)
