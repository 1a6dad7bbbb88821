"""DingTalk (钉钉): robot messages, work notices, people, encrypted callbacks."""
