"""One sync checked against what it binds: a stream's verbs, a mapping, a kind."""

from collections.abc import Iterator

from hub.canon.kinds import Kinds
from hub.config.connection import Bound
from hub.config.expressions import check_expression, check_path, check_text
from hub.config.model import MessageSpec, SyncSpec
from hub.config.problem import Flaw
from hub.mapping import CompiledMapping
from hub.mapping.faults import near
from hub.mapping.shape import Shape
from hub.sdk.connector import ends_of, verbs_of


def form_flaws(spec: SyncSpec) -> Iterator[Flaw]:
    """What can be said of a sync by itself: a record sync has a mapping, a message sync a message."""
    if spec.message is None and spec.mapping is None:
        yield Flaw(
            ("sync",), "say `mapping:` for records or `message:` for messages", "请写 mapping（数据）或 message（通知）"
        )
    if spec.message is not None and spec.mapping is not None:
        yield Flaw(
            ("mapping",),
            "a sync has a mapping or a message, not both; make two",
            "mapping 与 message 只能写一个：请分成两个",
        )
    yield from _out_of_place(spec)


def _out_of_place(spec: SyncSpec) -> Iterator[Flaw]:
    """Settings that the direction leaves without a meaning."""
    for name in ("push", "on_delete", "recreate"):
        if name in spec.model_fields_set and not spec.writes:
            en, zh = f"{name} is for direction out or both", f"{name} 只用于方向为 out 或 both 的同步任务"
            yield Flaw((name,), en, zh)
    if "reconcile" in spec.model_fields_set and spec.is_message:
        yield Flaw(("reconcile",), "messages are not compared: leave it out", "通知无需系统对账：请去掉 reconcile")
    if spec.recheck is not None and not spec.reads:
        yield Flaw(("recheck",), "recheck is for direction in or both", "recheck 只用于方向为 in 或 both 的同步任务")


def stream_flaws(spec: SyncSpec, bound: Bound) -> Iterator[Flaw]:
    """The stream exists and can do what the direction needs."""
    stream = bound.streams.get(spec.stream)
    if stream is None:
        zh, en = near(spec.stream, bound.streams)
        en = en or f"; it has {', '.join(sorted(bound.streams))}"
        zh = zh or f"；它有 {'、'.join(sorted(bound.streams))}"
        yield Flaw(
            ("stream",),
            f"connection {bound.name} has no stream {spec.stream}{en}",
            f"连接 {bound.name} 没有接口对象 {spec.stream}{zh}",
        )
        return
    verbs = verbs_of(stream)
    if spec.reads and not ("pull" in verbs or arrives(bound, spec.stream)):
        yield _cannot(spec.stream, "be read", "读取", "direction")
    if spec.writes and "push" not in verbs:
        yield _cannot(spec.stream, "be written to", "写入", "direction")
    if spec.writes and spec.on_delete != "ignore" and spec.on_delete not in ends_of(stream):
        able = sorted({*ends_of(stream), "ignore"})
        yield Flaw(
            ("on_delete",),
            f"stream {spec.stream} of {bound.name} cannot {spec.on_delete} records; say {' or '.join(able)}",
            f"连接 {bound.name} 的接口对象 {spec.stream} 不能执行 {spec.on_delete}：可选 {'、'.join(able)}",
        )
    if spec.recheck is not None and spec.reads and "fetch" not in verbs:
        yield _cannot(spec.stream, "be asked for single records", "按主键查询", "recheck")
    if spec.is_message and "message" not in verbs:
        yield _cannot(spec.stream, "carry messages", "发送通知", "message")


def arrives(bound: Bound, stream: str) -> bool:
    """Do records of this stream come by themselves: called in by the vendor, or in files?"""
    hook = bound.connector.hook
    events = {*bound.connector.manifest.events.values(), *(hook.events.values() if hook else ())}
    return bound.connector.inbox is not None or (bound.hooked and stream in events)


def _cannot(stream: str, what: str, what_zh: str, field: str) -> Flaw:
    return Flaw(
        (field,), f"stream {stream} cannot {what}; choose another", f"接口对象 {stream} 不能{what_zh}：请换一个"
    )


def mapping_flaws(spec: SyncSpec, mapping: CompiledMapping, shape: Shape) -> Iterator[Flaw]:
    """The mapping has lines for the direction, and the filter speaks of fields there are."""
    if spec.reads and not mapping.fields_in:
        yield Flaw(("mapping",), f"mapping {mapping.name} reads no field", f"映射 {mapping.name} 没有读入任何字段")
    if spec.writes and not mapping.fields_out:
        yield Flaw(("mapping",), f"mapping {mapping.name} writes no field", f"映射 {mapping.name} 没有写出任何字段")
    if spec.push.when is not None:
        yield from check_expression(spec.push.when, shape, ("push", "when"))
    if spec.recheck is not None and spec.recheck.when is not None:
        yield from check_expression(spec.recheck.when, shape, ("recheck", "when"))


def message_flaws(message: MessageSpec, kinds: Kinds) -> Iterator[Flaw]:
    """Every field and path a message names exists in its kind."""
    shape = kinds.get(message.kind)
    if shape is None:
        zh, en = near(message.kind, kinds)
        yield Flaw(("message", "kind"), f"there is no kind {message.kind}{en}", f"没有对象类型 {message.kind}{zh}")
        return
    for index, field in enumerate(message.when_changed):
        if field.partition(".")[0] not in shape.fields:
            zh, en = near(field, shape.fields)
            yield Flaw(
                ("message", "when_changed", index),
                f"kind {message.kind} has no field {field}{en}",
                f"对象类型 {message.kind} 没有字段 {field}{zh}",
            )
    if message.when is not None:
        yield from check_expression(message.when, shape, ("message", "when"))
    if message.to:
        flaw = check_path(message.to, shape, kinds, ("message", "to"))
        yield from [flaw] if flaw else []
    yield from check_text(message.title, shape, kinds, ("message", "title"))
    yield from check_text(message.text, shape, kinds, ("message", "text"))
