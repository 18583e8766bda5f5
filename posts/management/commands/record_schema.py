import json
from typing import Any

from posts.management.base import BaseCommand
from posts.records.schema import record_json_schema


class Command(BaseCommand):
    help = "Print the record as a JSON Schema."

    def handle(self, **options: Any) -> None:
        self.stdout.write(json.dumps(record_json_schema(), indent=2, ensure_ascii=False))
