"""Dockerfiles and steps of them: read as Docker reads them, and refused by line where they cannot be built."""

import pytest

from registry.environments.dockerfiles import instructions_of, read_dockerfile, read_steps
from studio.core.errors import BadInput


def refused(read, text):
    with pytest.raises(BadInput) as reason:
        read(text)
    assert reason.value.code == "bad_dockerfile"
    return reason.value


def test_each_instruction_is_one_step_whether_it_comes_as_text_or_as_lines():
    text = 'RUN apt-get update \\\n    && apt-get install -y "libgomp1"\n\n# a comment\nENV A="b c"\n'
    steps = ('RUN apt-get update \\\n    && apt-get install -y "libgomp1"', 'ENV A="b c"')
    assert read_steps(text) == steps
    assert read_steps(text.split("\n")) == steps
    assert read_steps(list(steps)) == steps


def test_quotes_dollars_and_backslashes_stay_as_they_are():
    step = """RUN printf '%s\\n' "it's $HOME; `id`" > /etc/motd && echo 'a "b"'"""
    assert read_steps([step]) == (step,)


def test_comments_and_empty_lines_do_not_end_a_continued_line():
    text = "RUN a \\\n# why\n\n  && b\nENV X=1"
    assert read_steps(text) == ("RUN a \\\n# why\n\n  && b", "ENV X=1")


def test_here_document_belongs_to_its_step_whatever_is_in_it():
    text = "RUN <<EOF\nFROM nothing\necho \\\nEOF\nCOPY <<-'END' /etc/x\n\tADD b\n\tEND\nLABEL a=b"
    steps = read_steps(text)
    assert [step.split("\n")[0] for step in steps] == ["RUN <<EOF", "COPY <<-'END' /etc/x", "LABEL a=b"]
    assert [one.needs_buildkit for one in instructions_of("\n".join(steps))] == [True, True, False]


def test_escape_directive_is_followed():
    text = "# escape=`\nRUN dir c:\\ `\n  && a\nENV A=1"
    assert [one.text for one in instructions_of(text)] == ["RUN dir c:\\ `\n  && a", "ENV A=1"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ENV A=1\nFROM python", "Line 2: The base image is chosen in a field of its own: 'FROM python'."),
        ("ADD https://example.com/x /x", "Line 1: Files of the studio's machine or of the network cannot be added"),
        ("COPY model.onnx /x", "Line 1: No files lie beside the Dockerfile that could be copied"),
        ('ENTRYPOINT ["/bin/sh"]', "Line 1: The studio decides what is started"),
        ("RUN", "Line 1: RUN needs something behind it."),
        ("FLY away", "Line 1: FLY is no instruction that can be used here: 'FLY away'."),
        ("; rm -rf /", "Line 1: '; rm -rf /' is no instruction of a Dockerfile."),
        ("RUN <<EOF\nhello", "Line 1: The here-document EOF has no end."),
        ("RUN --security=insecure id", "Line 1: A build step gets no more rights: --security=insecure."),
        ("RUN --network=host id", "Line 1: A build step gets no more rights: --network=host."),
        ("RUN --mount=type=secret,id=x cat /x", "Line 1: The build has no secrets or keys to mount"),
        ("RUN echo a\0b", "Line 1: It holds the control character '\\x00'."),
        ("RUN a\nRUN b\x1b[31m", "Line 2: It holds the control character '\\x1b'."),
        ("RUN x\n" * 101, "At most 100 steps can be given; these are 101."),
        ("RUN " + "x" * 70_000, "The text has more than 64 KiB."),
    ],
)
def test_step_that_cannot_be_built_is_refused_with_its_line(text, message):
    error = refused(read_steps, text)
    assert error.message.startswith(message)
    assert error.field == "docker_steps"


def test_copy_from_another_image_is_a_step():
    assert read_steps("COPY --from=busybox:1 /bin/busybox /bin/") == ("COPY --from=busybox:1 /bin/busybox /bin/",)


def test_whole_dockerfile_keeps_its_text_with_unix_line_ends():
    text = '\ufeffARG V=3.12\r\nFROM python:${V}-slim AS base\r\nRUN a\r\nCMD ["x"]'
    assert read_dockerfile(text) == 'ARG V=3.12\nFROM python:${V}-slim AS base\nRUN a\nCMD ["x"]\n'
    assert read_dockerfile(" \n") == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RUN a\nFROM b", "Line 1: A Dockerfile begins with FROM; only ARG may stand before it."),
        ("ARG A", "Line 1: A Dockerfile begins with FROM"),
        ("FROM a\nCOPY . /app", "Line 2: No files lie beside the Dockerfile"),
        ("FROM a\nVOLUME /data", "Line 2: What a service writes into a volume would outlive it"),
    ],
)
def test_dockerfile_that_cannot_be_built_is_refused_with_its_line(text, message):
    error = refused(read_dockerfile, text)
    assert error.message.startswith(message)
    assert error.field == "dockerfile"
