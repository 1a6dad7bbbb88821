"""What a DingTalk connection needs; a group robot, an app, or both."""

from pydantic import SecretStr

from hub.sdk import ConnectionConfig


class DingtalkConfig(ConnectionConfig):
    """`base_url` is the new API, `legacy_base_url` the old one; both are in use at the vendor."""

    base_url: str = "https://api.dingtalk.com"
    legacy_base_url: str = "https://oapi.dingtalk.com"
    app_key: str = ""  # Client ID
    app_secret: SecretStr | None = None  # Client Secret
    agent_id: str = ""
    robot_token: SecretStr | None = None
    robot_secret: SecretStr | None = None  # starts with SEC; empty when the robot uses keywords or an IP list
    callback_token: SecretStr | None = None
    callback_aes_key: SecretStr | None = None
