"""What the reference of settings says besides hub/settings.py: its heads, and the sentences in Chinese."""

HEAD_EN = """
# Settings

[中文](settings.zh-CN.md)

What an installation is told where it starts; what it does with which systems stands in its [configuration](configuration.md).
Every setting is an environment variable. It may also be a file of the same name, in small letters, in the folder that
`HUB_SECRETS_DIR` names (`hub_database_url`, `hub_mail__password`): that is how Docker, Kubernetes and systemd hand over
secrets. A variable goes before a file. A wrong name within a group or a wrong value stops the start with a sentence.

Written by `python -m tests.support.settings_reference` from `hub/settings.py`; change it there.
"""

HEAD_ZH = """
# 设置参考

[English](settings.md)

这里是一套安装在启动处的设置；对接哪些系统、怎么对接，写在[配置](configuration.md)里。
每项设置都是一个环境变量，也可以是 `HUB_SECRETS_DIR` 所指目录中的同名小写文件
（如 `hub_database_url`、`hub_mail__password`）：Docker、Kubernetes 和 systemd 都这样交付凭据。两处都有时以环境变量为准。
组内写错名称或取值不对时，程序不会启动，并说明原因。

本页由 `python -m tests.support.settings_reference` 根据 `hub/settings.py` 生成，请勿直接修改。
"""

GROUPS_ZH = {
    "Settings": "整套安装。",
    "HttpSettings": "API 与回调。",
    "SecuritySettings": "密钥与令牌文件；不是绝对路径时相对于数据目录。",
    "EngineSettings": "引擎的租约与节奏。",
    "HoldingSettings": "一次执行变更的记录超过此数，且超过该同步任务近日日均的若干倍时，等人确认后才继续。",
    "LogSettings": "日志，写到标准错误输出。",
    "RetentionSettings": "已办结的数据保留多久。待人工处理或等待中的记录及其来源一直保留到办结；变更永久保留。",
    "MailSettings": "邮件出口；不填主机即不发邮件。",
    "NoticeSettings": "同步任务出问题时，如何通知负责人。",
    "TraceSettings": "OpenTelemetry 链路追踪，需要安装组件 `otel`；不填地址即不追踪，也没有任何开销。",
}

KINDS_ZH = {
    "integer": "整数",
    "number": "数字",
    "text": "文本",
    "path": "路径",
    "secret": "凭据",
    "JSON list": "JSON 列表",
}

MEANINGS_ZH = {
    "HUB_DATA_DIR": "数据目录：内置数据库、密钥、首个令牌。",
    "HUB_DATABASE_URL": "自有 PostgreSQL（15 及以上），如 postgresql://user:password@host/database；不填则用内置数据库。",
    "HUB_REDIS_URL": "多机时用来唤醒各工作进程的 Redis，如 redis://host:6379/0。",
    "HUB_WORKER_NAME": "本工作进程在 hub status 中的名称；不填则用机器名与进程号。",
    "HUB_SECRET_KEY": "直接给出密钥（32 字节的 base64），代替密钥文件；各台机器必须相同。",
    "HUB_PUBLIC_URL": "用户访问本系统的地址，用于通知中的链接。",
    "HUB_HTTP__HOST": "监听地址；在容器中，或反向代理在另一台机器上时，填 0.0.0.0。",
    "HUB_HTTP__PORT": "监听端口。",
    "HUB_HTTP__OPEN_METRICS": "能连到端口的都可读 /metrics，不需要令牌。不按来源地址判断：经过代理后所有人都像在本机。",
    "HUB_SECURITY__SECRET_KEY_FILE": "打开已保存凭据的密钥，首次使用时生成。请与备份一起另存一份。",
    "HUB_SECURITY__TOKEN_FILE": "首次启动时，第一个 API 令牌写在这里。",
    "HUB_ENGINE__LEASE_SECONDS": "进程手中的工作，超过这段时间没有消息就被收回。",
    "HUB_ENGINE__HEARTBEAT_SECONDS": "进程多久报一次“工作仍在手中”。",
    "HUB_ENGINE__SWEEP_SECONDS": "多久扫描一次漏掉提醒的工作。",
    "HUB_ENGINE__SPEED": "引擎的各种时长除以此数，用于演示和演练。",
    "HUB_ENGINE__HOLDING__RECORDS": "记录数；不超过此数的从不拦下。",
    "HUB_ENGINE__HOLDING__TIMES": "日均的倍数。",
    "HUB_ENGINE__HOLDING__DAYS": "按多少天计算日均。",
    "HUB_LOG__LEVEL": "从哪一级开始写日志；`debug` 会跟踪每一条记录。",
    "HUB_LOG__FORMAT": "`auto`：终端上为彩色文本，否则每行一个 JSON 对象。",
    "HUB_RETENTION__HOT_HOURS": "已办结的行在引擎工作的表中保留多久，之后移入归档。",
    "HUB_RETENTION__INBOX_DAYS": "入站记录。",
    "HUB_RETENTION__RECEIPT_DAYS": "接收记录及其原文。",
    "HUB_RETENTION__ATTEMPT_DAYS": "推送的各次尝试，以及已发出的通知。",
    "HUB_RETENTION__EVENT_DAYS": "重复的回调在这段时间内按事件编号识别。厂商一般重试约三天。",
    "HUB_RETENTION__EVERY_MINUTES": "多久检查一次哪些可以清理。",
    "HUB_MAIL__HOST": "邮件服务器。",
    "HUB_MAIL__PORT": "端口。",
    "HUB_MAIL__ENCRYPTION": "连接的加密方式。",
    "HUB_MAIL__USER": "登录用户；不填则不登录。",
    "HUB_MAIL__PASSWORD": "该用户的密码。",
    "HUB_MAIL__SENDER": "发件人。",
    "HUB_MAIL__CA_FILE": "信任哪些证书；不填则用本机信任的证书。",
    "HUB_NOTICES__FALLBACK": "连接没有指定负责人渠道时发往这些渠道，JSON 列表。",
    "HUB_NOTICES__LANGUAGE": "通知的语言。",
    "HUB_NOTICES__EVERY_SECONDS": "多久检查一次有没有问题。",
    "HUB_NOTICES__WAIT_SECONDS": "问题持续这么久才通知；有些会自行恢复。",
    "HUB_NOTICES__CALM_SECONDS": "问题消失这么久才算结束。",
    "HUB_NOTICES__BUNDLE_SECONDS": "每位负责人在这段时间内至多收到一条通知。",
    "HUB_TRACES__ENDPOINT": "OTLP/HTTP 采集器，如 http://collector:4318；不填则看 OTEL_EXPORTER_OTLP_ENDPOINT。",
    "HUB_TRACES__SHARE": "追踪全部关联号中的多大一部分；各进程选中的相同。",
}
