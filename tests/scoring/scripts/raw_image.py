from io import BytesIO

from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
from PIL import Image


def init():
    print("This is init()")


@rawhttp
def run(request):
    if request.method == "GET":
        respBody = str.encode(request.full_path)
        return AMLResponse(respBody, 200)
    elif request.method == "OPTIONS":
        return AMLResponse("", 204, {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Methods": "GET, POST"})
    elif request.method == "POST":
        if request.files:
            image = Image.open(request.files["image"])
            return {"size": list(image.size), "label": request.form.get("label")}
        image = Image.open(BytesIO(request.get_data(False))).convert("L").resize((4, 4))
        out = BytesIO()
        image.save(out, format="JPEG")
        return AMLResponse(out.getvalue(), 200, {"Content-Type": "image/jpeg"})
    else:
        return AMLResponse("bad request", 500)
