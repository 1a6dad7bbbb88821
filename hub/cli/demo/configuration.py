"""The demo's configuration: the template that is shipped for everybody, with the sandboxes' addresses."""

from typing import Final

from hub.cli.demo.stage import VENDORS
from hub.config.templates import Choice, render, template

TEMPLATE: Final = "order-to-cash"
ROLES: Final = {"crm": "crm", "erp": "erp", "bank": "bank", "rep": "dingtalk", "team": "wecom"}
"""Role of the template -> connection of the demo."""
ADDRESSES: Final = {"dingtalk": ("base_url", "legacy_base_url"), "wecom": ("base_url",)}
"""Nobody is asked for these: only a sandbox is elsewhere than the vendor."""


def template_files(every: str = "2s") -> dict[str, str]:
    """The configuration the demo applies: the template, live; secrets and addresses come from the stage."""
    roles = template(TEMPLATE).roles
    choices: dict[str, Choice] = {}
    for role, connection in ROLES.items():
        asked = roles[role].part(VENDORS[connection]).spec.asks
        fields = (*ADDRESSES.get(connection, ()), *asked)
        config = {name: f"${{env:{connection.upper()}_{name.upper()}}}" for name in fields}
        choices[role] = Choice(VENDORS[connection], connection, config)
    return render(TEMPLATE, choices, mode="live", every=every)
