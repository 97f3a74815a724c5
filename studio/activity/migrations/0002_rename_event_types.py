from django.db import migrations

RENAMED = {
    "environment.defined": "environment.created",
    "service.built": "service.build_succeeded",
    "service.tokens_ended": "service.tokens_revoked",
    "token.made": "token.created",
    "version.edited": "version.updated",
    "version.inspected_again": "version.reinspection_requested",
    "version.ready": "version.accepted",
    "workspace.made": "workspace.created",
}


def rename(apps, _):
    for old, new in RENAMED.items():
        apps.get_model("activity", "Event").objects.filter(action=old).update(action=new)


def restore(apps, _):
    for old, new in RENAMED.items():
        apps.get_model("activity", "Event").objects.filter(action=new).update(action=old)


class Migration(migrations.Migration):
    """Names of events are noun.verb_past, with the usual verbs."""

    dependencies = [("activity", "0001_initial")]

    operations = [migrations.RunPython(rename, restore)]
