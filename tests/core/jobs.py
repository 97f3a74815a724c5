"""A real job row to try the rules of jobs and states on."""

from registry.models import Inspection, Model, ModelVersion


def a_job(workspace, person) -> Inspection:
    model = Model.objects.create(workspace=workspace, name="iris", created_by=person)
    version = ModelVersion.objects.create(workspace=workspace, model=model, number=1, created_by=person)
    return Inspection.objects.create(version=version)
