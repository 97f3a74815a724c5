import json

from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse


def init():
    pass


@rawhttp
def run(req: AMLRequest):
    try:
        body = json.loads(req.get_data())
    except ValueError as error:
        return AMLResponse({"reason": str(error)}, 422, {"X-Reason": "json, syntax"}, json_str=True,
                           run_function_failed=True)  # fmt: skip
    if "nothing" in body:
        return AMLResponse(None, 200)
    return AMLResponse({"agent": req.headers["User-Agent"][:5], "asked": req.args.get("q"), "sum": sum(req.json["data"])},
                       201, json_str=True)  # fmt: skip
