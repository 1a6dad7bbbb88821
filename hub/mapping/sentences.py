"""The sentence of every rule, Chinese and English: for records first, then for mapping files."""

from __future__ import annotations

from typing import Final

RECORD_RULES: Final[dict[str, tuple[str, str]]] = {
    "float": (
        "的值 {value} 是浮点数：请让连接器按十进制读取数字",
        "{value} is a float; let the connector read numbers as decimals",
    ),
    "not_finite": ("的值 {value} 不是有限的数：请填普通数字", "{value} is not a finite number; send digits only"),
    "amount": ("的值 {value} 不是金额：请只填数字", "{value} is not an amount; send digits only"),
    "decimal": ("的值 {value} 不是数字：请只填数字", "{value} is not a number; send digits only"),
    "integer": ("的值 {value} 不是整数：请只填整数", "{value} is not a whole number; send digits only"),
    "range": (
        "的值 {value} 超出范围：请核对来源数据",
        "{value} is out of range; check it in the system it comes from",
    ),
    "text": (
        "的值 {value} 不是文本：请检查映射路径",
        "{value} is not text; check the path in the mapping",
    ),
    "storable": (
        "的值 {value} 含有无法保存的字符：请在来源系统中删除",
        "{value} has a character that cannot be stored; remove it in the source",
    ),
    "bool": (
        "的值 {value} 不是是/否：请发送 true 或 false，或在映射中写 enum",
        "{value} is neither true nor false; send one of them, or add an enum to the mapping",
    ),
    "enum": (
        "的值 {value} 不在映射的取值中：请在映射的 enum 中补上它，已有 {known}",
        "{value} is not in the mapping's enum; add it there, known are {known}",
    ),
    "enum_out": (
        "的值 {value} 在对方没有对应的取值：请在映射的 enum 中补上它",
        "{value} has no word of the other side; add one to the mapping's enum",
    ),
    "lookup": (
        "的值 {value} 不在对照表 {table} 中：请补上它",
        "{value} is not in table {table}; add it there",
    ),
    "lookup_out": (
        "的值 {value} 在对照表 {table} 中没有对应的取值：请补上它",
        "{value} has no word of the other side in table {table}; add one",
    ),
    "date": (
        "的值 {value} 不是日期：请发送 {form}",
        "{value} is not a date; send {form}",
    ),
    "instant": (
        "的值 {value} 不是时间：请发送 {form}",
        "{value} is not a time; send {form}",
    ),
    "epoch": (
        "的值 {value} 是数字时间戳：请在映射中写 epoch: ms 或 epoch: s",
        "{value} is a number; say epoch: ms or epoch: s in the mapping",
    ),
    "zone": (
        "的值 {value} 没有时区：请在连接或映射中写明 zone",
        "{value} has no time zone; state the zone of the connection or of the line",
    ),
    "currency": (
        "的币种 {value} 不是三位大写代码：请在映射中写 currency_enum",
        "currency {value} is not a three-letter code; add a currency_enum to the mapping",
    ),
    "no_currency": (
        "有金额但没有币种：请填写 {currency}，或在映射中写 currency: {{const: CNY}}",
        "has an amount but no currency; fill in {currency}, or write currency: {{const: CNY}} in the mapping",
    ),
    "other_currency": (
        "的币种 {value} 与对方单据的币种 {currency} 不同：请核对币种",
        "is in {value}, the other side's document in {currency}; check the currency",
    ),
    "required": (
        "为空：这是必填字段，请在来源系统中填写",
        "is empty but required; fill it in at the source",
    ),
    "required_out": (
        "为空：对方要求填写，请先补全它",
        "is empty but the other side needs it; fill it in first",
    ),
    "key": (
        "没有记录的主键：请检查来源或映射中的 key",
        "the record has no key there; check the source or the mapping's key",
    ),
    "shape": (
        "的值 {value} 不是对象：请检查映射路径",
        "{value} stands where an object was expected; check the path in the mapping",
    ),
    "too_many": (
        "的行数超过 100,000：请检查来源或映射中的 each",
        "more than 100,000 lines in one record; check the source, or the mapping's each",
    ),
    "list": (
        "的值 {value} 不是列表：请检查映射中的 each",
        "{value} is not a list of objects; check each in the mapping",
    ),
    "ref": (
        "的值 {value} 不是可用的引用：请检查映射中的 ref 与 by",
        "{value} cannot be used as a reference; check ref and by in the mapping",
    ),
    "ref_by": (
        "的引用 {value} 不是按 {by} 给出的：请先在目标系统建立它",
        "{value} is not named by {by}; create it in the target first",
    ),
    "money": (
        "的值 {value} 不是金额加币种：请检查映射中的 value",
        "{value} is not an amount with a currency; check value in the mapping",
    ),
    "expression": ("的值 {value} 无法计算：{zh}", "{value} could not be computed; {en}"),
    "record": ("不是一个对象：请检查连接器给出的记录", "the record is not an object; check what arrived"),
}

FILE_RULES: Final[dict[str, tuple[str, str]]] = {
    "yaml": ("不是有效的 YAML：{zh}", "is not valid YAML: {en}"),
    "duplicate": ("键 {value} 写了两次：请删去一个", "key {value} is given twice; remove one"),
    "missing": ("缺少 {value}：请补上", "{value} is missing; add it"),
    "unknown_key": ("不认识的键 {value}{hint_zh}", "unknown key {value}{hint_en}"),
    "unknown_field": (
        "对象类型 {kind} 没有字段 {value}{hint_zh}",
        "kind {kind} has no field {value}{hint_en}",
    ),
    "unknown_path": ("接口对象没有路径 {value}{hint_zh}", "the stream has no path {value}{hint_en}"),
    "path_nested": (
        "路径 {value} 是 {word}，不是单个的值：请写到其中的字段，或在 in 中用表达式",
        "path {value} is a {word}, not a single value; name a field inside it, or use an expression in `in`",
    ),
    "path_no_list": (
        "路径 {value} 是 {word}，不是列表：each 只能指向列表",
        "path {value} is {word}, not a list; each stands for a list",
    ),
    "path_float": (
        "路径 {value} 是浮点数（{word}），不能作为 {type}：请让连接器按十进制读取它",
        "path {value} is a {word}, and a {type} field never holds floats; let the connector read it as decimal",
    ),
    "path_epoch": (
        "路径 {value} 是数字，不能直接作为 {type}：请写 epoch: ms、epoch: s 或 format",
        "path {value} is a number, not a {type}; say epoch: ms, epoch: s or a format",
    ),
    "path_word": (
        "路径 {value} 是 {word}，不能直接作为 {type}：请写 enum 说明每个取值",
        "path {value} is {word}, not {type}; say what its words mean with an enum",
    ),
    "path_type": (
        "路径 {value} 是 {word}，不能作为 {type}：请检查路径，或在 in 中用表达式转换",
        "path {value} is {word}, not {type}; check the path, or convert it with an expression in `in`",
    ),
    "no_zone": (
        "时间没有时区：请在连接或这一行写 zone，或写 epoch，或在 format 中写 %z",
        "a time without a zone; state zone on the connection or the line, or epoch, or %z in format",
    ),
    "unknown_kind": ("没有对象类型 {value}", "there is no kind {value}"),
    "unknown_word": ("取值 {value} 不可用，可用的是 {known}{hint_zh}", "{value} is not one of {known}{hint_en}"),
    "not_mapping": ("应为键值对，而不是 {value}", "should be a mapping of keys to values, not {value}"),
    "not_list": ("应为列表，而不是 {value}", "should be a list, not {value}"),
    "not_text": ("应为文本，而不是 {value}", "should be text, not {value}"),
    "empty_text": ("为空：请填写或删去", "is empty; fill it in or remove it"),
    "not_flag": ("应为 yes 或 no，而不是 {value}", "should be yes or no, not {value}"),
    "not_path": (
        "{value} 不是普通路径：要写回对方，请用点分隔的名称；只读请用 in",
        "{value} is not a plain path; to write it use names with dots, to only read it use in",
    ),
    "expression_text": ("表达式 {value}：{zh}", "expression {value}: {en}"),
    "no_source": (
        "没有写来源或去向：请写 path、in、out 或 const",
        "says neither where from nor where to; write path, in, out or const",
    ),
    "two_sources": (
        "path 与 in、out 不能同时写：请只保留一种",
        "path stands for in and out; keep either path or in and out",
    ),
    "const_in": (
        "const 不能与 path 或 in 同时写：请删去一个",
        "const cannot stand beside path or in; remove one",
    ),
    "type_differs": (
        "类型 {value} 与字段的类型 {type} 不同：请改为 {type}",
        "type {value} differs from the field's type {type}; write {type}",
    ),
    "needs_long_form": (
        "{type} 字段需要完整写法，例如 {example}",
        "a {type} field needs the long form, such as {example}",
    ),
    "not_for_type": (
        "{value} 不能用于 {type} 字段：请删去",
        "{value} means nothing for a {type} field; remove it",
    ),
    "not_for_way": (
        "{value} 只用于写回对方的行：请删去，或加上 out",
        "{value} is for lines that write; remove it, or add out",
    ),
    "ref_differs": (
        "引用类型 {value} 与字段的 {type} 不同：请改为 {type}",
        "ref {value} differs from the field's {type}; write {type}",
    ),
    "enum_value": (
        "{value} 不是这个字段的取值，可用的是 {known}{hint_zh}",
        "{value} is not a value of this field; known are {known}{hint_en}",
    ),
    "unknown_table": ("没有对照表 {value}{hint_zh}", "there is no table {value}{hint_en}"),
    "table_name": ("对照表自称 {value}：请写 {name}", "the table calls itself {value}; write {name}"),
    "two_tables": (
        "enum 与 lookup 不能同时写：请只保留一个",
        "enum and lookup both say what words mean; keep one",
    ),
    "not_scalar": (
        "应为文本、数字或 true/false，而不是 {value}",
        "should be text, a number or true/false, not {value}",
    ),
    "zone_name": ("没有时区 {value}：例如 Asia/Shanghai", "there is no time zone {value}; such as Asia/Shanghai"),
    "format": (
        "日期格式 {value} 不可用：请用 %Y %m %d %H %M %S 组成",
        "date format {value} cannot be used; build it from %Y %m %d %H %M %S",
    ),
    "two_forms": (
        "format 与 epoch 不能同时写：请只保留一种",
        "format and epoch are two ways to read one value; keep one",
    ),
    "same_target": (
        "路径 {value} 已由字段 {other} 写入：请只保留一行",
        "path {value} is already written by field {other}; keep one line",
    ),
    "match_field": (
        "匹配字段 {value} 没有读入{hint_zh}",
        "match field {value} is not read by this mapping{hint_en}",
    ),
    "extends": ("找不到基础映射 {value}", "there is no mapping {value} to extend"),
    "extends_loop": ("基础映射 {value} 绕回了自己", "extending {value} leads back to itself"),
    "too_large": ("文件过大或嵌套过深：请拆分", "is too large or nested too deeply; split it"),
    "list_field": (
        "字段 {value} 是列表：请写 each、key 与 fields",
        "field {value} is a list; write each, key and fields",
    ),
    "object_field": (
        "字段 {value} 是对象：请写到其中的字段，例如 {example}",
        "field {value} is an object; name a field inside it, such as {example}",
    ),
    "custom_type": (
        "自定义字段需要写 type，且不能是 list 或 object",
        "a custom field needs a type, and not list or object",
    ),
    "test": ("测试不符：得到 {value}，应为 {expected}", "test differs: got {value}, expected {expected}"),
    "test_error": ("测试未通过：{zh}", "test fails: {en}"),
    "round_trip": (
        "写出再读回后不同：{expected} 变成了 {value}；请检查这一行，或只写 in",
        "does not survive writing and reading back: {expected} became {value}; check the line, or make it in only",
    ),
    "grows": (
        "会越写越长：{value}。记录 {record} 读出 {first}，写入 {written} 后读出 {second}，再写一次读出 {third}；"
        "请只写 in，或写到 in 不读的路径",
        "grows with every write: {value}. The record {record} reads as {first}; written to {written} it reads as {second},"
        " written again as {third}; keep in alone, or write to a path that in does not read",
    ),
    "unsettled": (
        "每写回一次就变：{value}。记录 {record} 读出 {first}，写入 {written} 后读出 {second}，再写一次读出 {third}；"
        "请只写 in，或写到 in 不读的路径",
        "changes with every write: {value}. The record {record} reads as {first}; written to {written} it reads as"
        " {second}, written again as {third}; keep in alone, or write to a path that in does not read",
    ),
    "unreadable": (
        "写回 {value} 后读不出来：{zh}；请检查 in 与 out，或只写 in",
        "cannot be read once {value} is written: {en}; check in and out, or keep in alone",
    ),
}
