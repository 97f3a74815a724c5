"""The files that jobs make for people: sent out, and removed after a while."""

import shutil
from datetime import timedelta

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from deployments.models.file_job import FileJob
from registry.store.downloads import path_response
from studio.core.errors import NotFound

KEPT = timedelta(days=7)
LONGEST_JOB = timedelta(days=1)  # an older draft is nobody's


def file_response(request: HttpRequest, job: FileJob) -> HttpResponseBase:
    """The job's file. Raises `NotFound` while there is none, and when it has gone."""
    try:
        if not job.can_be_downloaded:
            raise FileNotFoundError
        return path_response(request, job.path, job.digest, job.filename)
    except FileNotFoundError as error:
        raise NotFound(f"The file of the {job} is not there (any more).", hint=job.how_to_get_again) from error


def remove_old_files(kind: type[FileJob]) -> None:
    """Files that are older than a week, and what killed workers and deleted rows left. Called daily."""
    now = timezone.now()
    for job in kind.objects.filter(removed_at=None, finished_at__lt=now - KEPT).exclude(digest=""):
        kind.objects.filter(pk=job.pk).update(removed_at=now)
        job.path.unlink(missing_ok=True)
    kept = {job.path.name: str(job.pk) for job in kind.objects.filter(removed_at=None).only("pk")}
    owners, folder = set(kept.values()), kind.files_folder()
    for path in folder.iterdir() if folder.is_dir() else ():
        is_old = now.timestamp() - path.stat().st_mtime > LONGEST_JOB.total_seconds()
        has_owner = path.name.lstrip(".").partition(".")[0] in owners
        if path.name not in kept and (is_old or not has_owner):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
