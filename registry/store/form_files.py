"""The files of a form: those that the drop zone sent before (their ids in `uploads`) and those that come along."""

import uuid

from registry.models import Upload
from registry.store import uploads
from studio.accounts.access import WorkspaceRequest


def files_of(request: WorkspaceRequest) -> list[Upload]:
    """All of them as uploads, which are kept, so that an error of the form loses nothing. Raises `BadInput`."""
    workspace, user = request.workspace, request.user
    before = uploads.find_all(workspace, user, upload_ids(request))
    sent = request.FILES.getlist("files")
    return before + [uploads.receive(workspace, user, one.name or "", one, one.size or 0) for one in sent]


def upload_ids(request: WorkspaceRequest, *fields: str) -> list[str]:
    """What the page sent as ids in these fields (default: `uploads`), each once; what is none was not made by the
    page."""
    sent = [one for field in fields or ("uploads",) for one in request.POST.getlist(field)]
    return [one for one in dict.fromkeys(sent) if _is_id(one)]


def _is_id(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
