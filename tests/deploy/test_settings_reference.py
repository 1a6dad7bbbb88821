"""The reference of settings says what hub/settings.py says, in both languages."""

import pytest

from tests.support.settings_reference import committed, settings
from tests.support.settings_words import GROUPS_ZH, MEANINGS_ZH


@pytest.mark.parametrize("path", committed(), ids=lambda path: path.name)
def test_the_reference_is_up_to_date(path) -> None:
    assert path.read_text(encoding="utf-8") == committed()[path], "run python -m tests.support.settings_reference"


def test_every_setting_is_explained_in_both_languages() -> None:
    mute = [setting.variable for setting in settings() if not setting.meaning]
    assert mute == [], "write a sentence below the field in hub/settings.py"
    assert {setting.variable for setting in settings()} == set(MEANINGS_ZH)
    assert {setting.group for setting in settings()} == set(GROUPS_ZH)
