from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0003_windows_of_maps")]

    operations = [
        migrations.RemoveField("metricwindow", name) for name in ("infer", "spent", "rows", "keys", "cpu", "memory")
    ]
