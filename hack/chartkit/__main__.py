"""Writes what is derived into the chart's files; run by hack/chart."""

import json
from pathlib import Path

from chartkit import readme, rights, settings
from chartkit.dashboard import dashboard

CHART = Path(__file__).resolve().parents[2] / "charts/podtimeline"


def main() -> None:
    """Rewrite values.yaml's settings, the schema's part for them, the roles, the dashboard, and the README's tables."""
    values = settings.with_settings((CHART / "values.yaml").read_text())
    (CHART / "values.yaml").write_text(values)
    schema = json.loads((CHART / "values.schema.json").read_text())
    schema["properties"]["config"] = settings.schema()
    (CHART / "values.schema.json").write_text(json.dumps(schema, indent=2) + "\n")
    (CHART / "dashboards/podtimeline.json").write_text(dashboard())
    helpers = CHART / "templates/_helpers.tpl"
    helpers.write_text(rights.with_rules(helpers.read_text()))
    text = (CHART / "README.md").read_text()
    (CHART / "README.md").write_text(rights.with_rights(readme.with_table(text, values=values)))


if __name__ == "__main__":
    main()
