from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("deployments", "0011_instance")]

    operations = [
        migrations.RemoveField(model_name="service", name=name)
        for name in ("observed", "observed_at", "lease_until", "lease_holder")
    ]
