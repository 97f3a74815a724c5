"""Pure: a request to a service as code to copy, in several languages."""

import json
import shlex
from collections.abc import Callable
from typing import Any

from deployments.config.options import Credential

VARIABLES = {"key": "SERVICE_KEY", "token": "SERVICE_TOKEN"}  # that hold what a caller must show
DTYPES = {  # of NumPy, for the data types of the Open Inference Protocol
    "BOOL": "bool_", "BYTES": "object_", "FP16": "float16", "BF16": "float32", "FP32": "float32", "FP64": "float64",
    **{f"{kind.upper()}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}  # fmt: skip


def snippets(address: str, body: str, *, credential: Credential, path: str = "/score") -> list[dict[str, str]]:
    """The same POST of a JSON body in each language: label, language and text."""
    return [
        {"label": label, "language": language, "text": write(address, body, credential=credential, path=path)}
        for label, language, write in LANGUAGES
    ]


def score_curl(address: str, body: str, *, credential: Credential, path: str = "/score") -> str:
    key = f'  -H "Authorization: Bearer ${VARIABLES[credential]}" \\\n' if credential else ""
    return (
        f"curl -X POST {shlex.quote(address + path)} \\\n{key}"
        f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(_compact(body))}"
    )


def score_python(address: str, body: str, *, credential: Credential, path: str = "/score") -> str:
    """With the requests package, which people know."""
    key = f'headers={{"Authorization": {_bearer(credential)}}},\n    ' if credential else ""
    imports = "import os\n\nimport requests" if credential else "import requests"
    return (
        f"{imports}\n\nanswer = requests.post(\n    {address + path!r},\n    json={_python(body)},\n    {key}"
        "timeout=60,\n)\nanswer.raise_for_status()\nprint(answer.json())\n"
    )


def score_grpc(address: str, model: str, inputs: list[dict[str, Any]], *, credential: Credential) -> str:
    """With tritonclient; `inputs` as a V2 request has them."""
    sent = "\n".join(_tensor(number, tensor) for number, tensor in enumerate(inputs, 1))
    names = ", ".join(f"input_{number}" for number in range(1, len(inputs) + 1))
    key = f', headers={{"authorization": {_bearer(credential)}}}' if credential else ""
    return (
        f'# pip install "tritonclient[grpc]"\n{"import os" + chr(10) * 2 if credential else ""}'
        f"import numpy as np\nimport tritonclient.grpc as triton\n\n{sent}\n\n"
        f"with triton.InferenceServerClient({address!r}) as client:\n"
        f"    answer = client.infer({model!r}, [{names}]{key})\n"
        "for output in answer.get_response().outputs:\n    print(output.name, answer.as_numpy(output.name))\n"
    )


def score_javascript(address: str, body: str, *, credential: Credential, path: str = "/score") -> str:
    """With fetch, which Node.js and browsers have."""
    bearer = f"Bearer ${{process.env.{VARIABLES[credential]}}}" if credential else ""
    key = f"\n    Authorization: `{bearer}`," if credential else ""
    return (
        f"const answer = await fetch({json.dumps(address + path)}, {{\n"
        '  method: "POST",\n'
        f'  headers: {{\n    "Content-Type": "application/json",{key}\n  }},\n'
        f"  body: {_literal(body)},\n"
        "});\n"
        "if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);\n"
        "console.log(await answer.json());\n"
    )


def score_java(address: str, body: str, *, credential: Credential, path: str = "/score") -> str:
    """A whole program for Java 11 and later, without a library."""
    key = (
        f'            .header("Authorization", "Bearer " + System.getenv("{VARIABLES[credential]}"))\n'
        if credential
        else ""
    )
    return (
        "import java.net.URI;\nimport java.net.http.HttpClient;\nimport java.net.http.HttpRequest;\n"
        "import java.net.http.HttpResponse;\n\n"
        "public class Score {\n"
        "    public static void main(String[] arguments) throws Exception {\n"
        f"        String body = {_literal(body)};\n"
        f"        HttpRequest request = HttpRequest.newBuilder(URI.create({json.dumps(address + path)}))\n"
        '            .header("Content-Type", "application/json")\n'
        f"{key}"
        "            .POST(HttpRequest.BodyPublishers.ofString(body))\n            .build();\n"
        "        HttpResponse<String> answer =\n"
        "            HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());\n"
        '        System.out.println(answer.statusCode() + " " + answer.body());\n'
        "    }\n}\n"
    )


def score_csharp(address: str, body: str, *, credential: Credential, path: str = "/score") -> str:
    """Top-level statements of .NET 6 and later."""
    key = (
        "client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(\n"
        f'    "Bearer", Environment.GetEnvironmentVariable("{VARIABLES[credential]}"));\n'
        if credential
        else ""
    )
    return (
        f"{'using System.Net.Http.Headers;' + chr(10) if credential else ''}using System.Text;\n\n"
        f"using var client = new HttpClient();\n{key}"
        f"var body = {_literal(body)};\n"
        f"var answer = await client.PostAsync(\n    {json.dumps(address + path)},\n"
        '    new StringContent(body, Encoding.UTF8, "application/json"));\n'
        "answer.EnsureSuccessStatusCode();\n"
        "Console.WriteLine(await answer.Content.ReadAsStringAsync());\n"
    )


def _literal(body: str) -> str:
    """The compact body as a string literal, which JavaScript, Java and C# write as JSON does."""
    return json.dumps(_compact(body))


def _bearer(credential: Credential) -> str:
    """The header's value as Python."""
    return f"f\"Bearer {{os.environ['{VARIABLES[credential]}']}}\""


def _tensor(number: int, tensor: dict[str, Any]) -> str:
    name, shape, datatype, data = tensor["name"], tensor["shape"], tensor["datatype"], tensor["data"]
    dtype = f"np.{DTYPES[datatype]}"
    alike = len(data) > 1 and not isinstance(data[0], list) and data.count(data[0]) == len(data)
    array = f"np.full({shape}, {data[0]!r}, {dtype})" if alike else f"np.array({data!r}, {dtype}).reshape({shape})"
    return (
        f"input_{number} = triton.InferInput({name!r}, {shape}, {datatype!r})\n"
        f"input_{number}.set_data_from_numpy({array})"
    )


def _compact(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return body


def _python(body: str) -> str:
    try:
        return repr(json.loads(body))
    except ValueError:
        return repr(body)


Write = Callable[..., str]
LANGUAGES: list[tuple[str, str, Write]] = [
    ("curl", "shell", score_curl),
    ("Python", "python", score_python),
    ("JavaScript", "javascript", score_javascript),
    ("Java", "java", score_java),
    ("C#", "csharp", score_csharp),
]
