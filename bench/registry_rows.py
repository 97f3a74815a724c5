"""Rows for bench/registry.py: models, versions and tags with the unevenness that real registries have."""

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Model

from registry import models as registry
from studio.core.statistics import keep_statistics

WORDS = [
    f"{first}{second}{third}" for first in "bcdfglmnprst" for second in "aeiou" for third in ("ral", "tion", "met")
]
AREAS = ["vision"] * 30 + ["text"] * 25 + ["tabular"] * 20 + ["audio"] * 10 + [f"area-{n}" for n in range(15)]
STAGES = ["draft"] * 50 + ["staging"] * 25 + ["prod"] * 20 + ["retired"] * 5
FRAMEWORKS = ["onnx"] * 45 + ["scikit-learn"] * 25 + ["pytorch"] * 15 + ["custom"] * 15
START = datetime(2025, 1, 1, tzinfo=UTC)


def copy(model: type[Model], rows: Iterable[Model]) -> None:
    """Write rows the database's quickest way, with the model's own defaults, but without auto_now."""
    table, fields = model._meta.db_table, [field for field in model._meta.concrete_fields if not field.generated]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ([field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields] for row in rows)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            places = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", values)
            return
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as target:
            for row in values:
                target.write_row(row)
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")


def fill(workspace_id: int, author_id: int, models: int, versions: int) -> None:
    """`models` names with `versions` versions spread unevenly over them, five tags each."""
    chance = random.Random(7)
    owners = [*range(models), *chance.choices(range(models), k=versions - models)]
    counts = Counter(owners)
    numbered = [(owner, number) for owner in range(models) for number in range(1, counts[owner] + 1)]
    chance.shuffle(numbered)
    copy(registry.Model, _models(workspace_id, author_id, numbered))
    copy(registry.ModelVersion, _versions(workspace_id, author_id, numbered, chance))
    copy(registry.Tag, _tags(workspace_id, numbered, chance))
    settle()


def settle() -> None:
    """What the database does by itself in time after so much was written, at once."""
    if connection.vendor == "sqlite":
        keep_statistics()
        return
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def name_of(model: int) -> str:
    return f"{WORDS[model % len(WORDS)]}-{WORDS[model // 7 % len(WORDS)]}-{model}"


def moment(place: int) -> datetime:
    return START + timedelta(minutes=5 * place)


def _models(workspace_id: int, author_id: int, numbered: list[tuple[int, int]]) -> Iterator[registry.Model]:
    counts = Counter(owner for owner, _ in numbered)
    touched = {owner: moment(place) for place, (owner, _) in enumerate(numbered)}
    for owner, numbers in counts.items():
        yield registry.Model(
            id=owner + 1,
            workspace_id=workspace_id,
            name=name_of(owner),
            last_number=numbers,
            created_by_id=author_id,
            created_at=START,
            updated_at=touched[owner],
        )


def _versions(
    workspace_id: int, author_id: int, numbered: list[tuple[int, int]], chance: random.Random
) -> Iterator[registry.ModelVersion]:
    for place, (owner, number) in enumerate(numbered):
        words = chance.choices(WORDS, k=25) + (["zebrafish"] if place % 2000 == 0 else [])
        yield registry.ModelVersion(
            id=place + 1,
            workspace_id=workspace_id,
            model_id=owner + 1,
            name=name_of(owner),
            number=number,
            state="ready" if place % 20 else "rejected",
            description=" ".join(words),
            framework=chance.choice(FRAMEWORKS),
            size=4096,
            created_by_id=author_id,
            created_at=moment(place),
        )


def _tags(workspace_id: int, numbered: list[tuple[int, int]], chance: random.Random) -> Iterator[registry.Tag]:
    ids = itertools.count(1)
    for place, (owner, _) in enumerate(numbered):
        values = {
            "area": chance.choice(AREAS),
            "stage": chance.choice(STAGES),
            "team": f"team-{chance.randrange(200)}",
            "owner": f"person-{chance.randrange(2000)}",
            "dataset": f"dataset-{chance.randrange(5000)}",
        }
        for key, value in values.items():
            yield registry.Tag(
                id=next(ids),
                workspace_id=workspace_id,
                model_id=owner + 1,
                version_id=place + 1,
                key=key,
                value=value,
            )
