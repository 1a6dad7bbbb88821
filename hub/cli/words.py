"""What the command line says, in the user's language: Chinese with English beside it, or with HUB_LANG=en English."""

import os
from typing import Final

STATES: Final = {
    "due": "待处理",
    "running": "处理中",
    "waiting": "等待中",
    "parked": "待人工处理",
    "done": "已完成",
    "superseded": "已被取代",
    "dismissed": "已忽略",
    "accepted": "已接收",
    "duplicate": "重复",
    "refused": "已拒收",
    "reconciled": "对账一致",
    "unverified": "未核对",
    "behind": "滞后",
    "drifting": "有差异",
    "failing": "异常",
    "paused": "已暂停",
    "observing": "观察中",
    "live": "已上线",
    "ok": "正常",
    "held": "待放行",
    "needs_new_secret": "需更新凭据",
    "unreachable": "无法连接",
    "broken": "配置有误",
    "failed": "失败",
    "missing_here": "本方缺少",
    "missing_there": "对方缺少",
    "different": "不一致",
    "open": "未处理",
    "repairing": "修复中",
    "closed": "已一致",
    "add": "新增",
    "change": "修改",
    "remove": "移除",
    "same": "不变",
    "warning": "注意",
}
HEADS: Final = {
    "name": "名称",
    "connector": "连接器",
    "connection": "连接",
    "stream": "接口对象",
    "state": "状态",
    "kind": "对象类型",
    "mode": "模式",
    "health": "健康",
    "direction": "方向",
    "lag_seconds": "滞后(秒)",
    "last_pull_at": "上次拉取",
    "waiting": "等待",
    "parked": "待人工",
    "id": "编号",
    "what": "类别",
    "key": "源记录号",
    "since": "时间",
    "error_class": "错误类型",
    "reason": "原因",
    "owner": "负责人",
    "attempts": "尝试",
    "received_at": "接收时间",
    "verdict": "结论",
    "path": "路径",
    "records": "记录数",
    "sync": "同步任务",
    "entity_id": "业务对象",
    "wanted_version": "应推版本",
    "applied_version": "已推版本",
    "due_at": "到期",
    "count": "数量",
    "oldest": "最早",
    "at": "时间",
    "who": "操作人",
    "act": "操作",
    "file": "文件",
    "format": "格式",
    "status": "状态",
    "statements": "对账单",
    "lines": "笔数",
    "opening": "期初",
    "closing": "期末",
    "scopes": "权限",
    "created_at": "创建",
    "expires_at": "到期",
    "revoked_at": "吊销",
    "last_used_at": "最近使用",
    "check": "检查",
    "result": "结果",
    "detail": "说明",
    "source": "来源",
    "base_url": "地址",
    "note": "说明",
    "version": "生效版本",
    "latest": "最新版本",
    "syncs": "同步任务",
    "created_by": "创建人",
    "draft_by": "草稿",
    "active": "生效",
    "runs": "重新映射",
    "total": "总数",
    "done": "已完成",
    "changed": "已变更",
    "started_at": "开始",
    "field": "字段",
    "from": "原值",
    "to": "新值",
    "entity": "业务对象",
    "error": "错误",
    "here": "本方值",
    "there": "对方值",
    "found_at": "发现",
    "reconciled_at": "上次核对",
    "drifts": "差异",
}


def english() -> bool:
    return os.environ.get("HUB_LANG", "").lower().startswith("en")


def say(zh: str, en: str) -> str:
    """A sentence in the user's language; in Chinese with the English behind it where both are short."""
    if english() or zh == en:
        return en
    return f"{zh}  {en}" if len(zh) + len(en) <= 90 else zh


def state(word: str) -> str:
    zh = STATES.get(word)
    return word if zh is None or english() else f"{zh} {word}"


def head(name: str) -> str:
    label = name.replace("_", " ")
    zh = HEADS.get(name)
    return label if zh is None or english() else f"{zh}\n{label}"
