"""The JSON Schemas of mapping files and look-up tables as docs/ keeps them: `python -m tests.support.mapping_schema`."""

import json
from pathlib import Path

from hub.canon.kinds import Kinds
from hub.mapping.schema import mapping_schema, table_schema

DOCS = Path(__file__).parents[2] / "docs"


def committed() -> dict[Path, str]:
    """Path -> what the file must say."""
    kinds = Kinds()
    schemas = {
        "mapping.schema.json": mapping_schema(kinds.shape(kind) for kind in kinds),
        "table.schema.json": table_schema(),
    }
    return {
        DOCS / name: json.dumps(schema, ensure_ascii=False, separators=(",", ":")) + "\n"
        for name, schema in schemas.items()
    }


if __name__ == "__main__":
    for path, text in committed().items():
        path.write_text(text, encoding="utf-8")
        print(path)
