"""What a WeCom connection needs; a group webhook, an app, or both."""

from pydantic import SecretStr

from hub.sdk import ConnectionConfig


class WecomConfig(ConnectionConfig):
    """`corp_secret` is the secret of one app, `agent_id` that app's number."""

    base_url: str = "https://qyapi.weixin.qq.com"
    corp_id: str = ""
    corp_secret: SecretStr | None = None
    agent_id: int | None = None
    robot_key: SecretStr | None = None
    callback_token: SecretStr | None = None
    callback_aes_key: SecretStr | None = None
